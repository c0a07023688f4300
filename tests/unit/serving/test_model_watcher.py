from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from registry.files import digest, make_listing


def version(service: Any) -> str:
    return str(service.ask("POST", "/predict", json={"views": 1}).json()["model_version"])


def test_a_newly_promoted_version_answers_and_a_rollback_too(service: Any) -> None:
    assert version(service) == "1"
    service.registry.promote("2", b"two")
    service.runtime.watcher.look()
    assert version(service) == "2"
    service.registry.promoted = "1"
    service.runtime.watcher.look()
    assert version(service) == "1"


def test_a_broken_version_is_refused_and_the_old_one_goes_on(service: Any) -> None:
    service.registry.promote("2", b"broken")
    service.runtime.watcher.look()
    assert version(service) == "1"
    health = service.ask("GET", "/health").json()
    assert health["status"] == "degraded"
    assert health["registry"]["refused"] == {"2": "model.txt is not a model"}
    assert service.runtime.disk.load().version == "1"


def test_a_refused_version_is_not_loaded_at_every_look(service: Any) -> None:
    service.registry.promote("2", b"broken")
    service.runtime.watcher.look()
    service.registry.files = None
    service.runtime.watcher.look()
    assert service.ask("GET", "/health").json()["registry"]["refused"] == {"2": "model.txt is not a model"}


def test_after_a_refusal_a_good_version_or_the_old_one_clears_it(service: Any) -> None:
    service.registry.promote("2", b"broken")
    service.runtime.watcher.look()
    service.registry.promoted = "1"
    service.runtime.watcher.look()
    assert service.ask("GET", "/health").json()["status"] == "ok"
    service.registry.promote("3", b"three")
    service.runtime.watcher.look()
    assert version(service) == "3"


def test_files_that_cannot_be_fetched_now_are_tried_again(service: Any) -> None:
    files, service.registry.files = service.registry.files, lambda *_: (_ for _ in ()).throw(ConnectionError())
    service.registry.promote("2", b"two")
    service.runtime.watcher.look()
    assert version(service) == "1"
    service.registry.files = files
    service.runtime.watcher.look()
    assert version(service) == "2"


def test_a_service_starts_from_its_disk_copy_without_the_registry(service: Any, make_service: Any) -> None:
    again = make_service()
    again.registry.away = True
    again.runtime.watcher.load_from_disk()
    again.runtime.watcher.look()
    assert version(again) == "1"
    health = again.ask("GET", "/health").json()
    assert (health["status"], health["source"]) == ("degraded", "disk")
    assert "serving version 1" in health["detail"]


def test_a_damaged_disk_copy_does_not_keep_a_service_from_starting(service: Any, make_service: Any) -> None:
    (service.runtime.disk.folder / "1" / "model.txt").write_bytes(b"broken")
    again = make_service()
    again.runtime.watcher.load_from_disk()
    assert again.ask("GET", "/health").status_code == 503
    again.registry.promote("1", b"one")
    again.runtime.watcher.look()
    assert version(again) == "1"
    assert again.runtime.disk.load().files == {"model.txt": b"one"}


def test_a_disk_that_is_full_does_not_keep_a_version_from_serving(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service.runtime.disk, "save", full)
    service.registry.promote("2", b"two")
    service.runtime.watcher.look()
    assert version(service) == "2"


@pytest.mark.parametrize("fault", [RuntimeError("x"), MemoryError(), KeyError("y"), AssertionError()])
def test_the_watcher_outlives_whatever_the_registry_raises(make_service: Any, fault: Exception) -> None:
    service = make_service()
    production, faults = service.registry.production, [fault, fault]

    def failing(family: str) -> Any:
        if faults:
            raise faults.pop()
        return production(family)

    service.registry.production = failing
    service.registry.promote("1", b"one")
    service.runtime.start()
    limit = time.monotonic() + 5
    while service.runtime.slot.current is None and time.monotonic() < limit:
        time.sleep(0.01)
    assert version(service) == "1"


def tagged(service: Any) -> Any:
    """The service, whose registry says of the version in production which files it has; counts fetches."""
    production, files = service.registry.production, service.registry.files
    service.fetched = []

    def stating(family: str) -> Any:
        found = production(family)
        if found is None:
            return None
        listing = make_listing(family, service.registry.versions[found.version])
        return replace(found, files_sha256=digest(listing))

    def fetching(family: str, wanted: str) -> Any:
        service.fetched.append(wanted)
        return files(family, wanted)

    service.registry.production, service.registry.files = stating, fetching
    return service


def mark(service: Any) -> str:
    return str(service.runtime.slot.current.predictor.info["mark"])


@pytest.mark.parametrize("after", ["in memory", "a restart"])
def test_another_model_under_the_same_number_is_fetched(service: Any, make_service: Any, after: str) -> None:
    """As after a restore of an older backup, whose next training gets a number that was there before."""
    restored = tagged(service if after == "in memory" else make_service())
    restored.registry.promote("1", b"another")
    restored.runtime.watcher.load_from_disk()
    assert mark(restored) == "one"

    for _ in range(3):
        restored.runtime.watcher.look()

    assert mark(restored) == "another"
    assert restored.fetched == ["1"]
    assert restored.runtime.disk.load().files == {"model.txt": b"another"}


def test_a_copy_on_disk_with_the_registered_files_is_not_fetched_again(service: Any, make_service: Any) -> None:
    again = tagged(make_service())
    again.registry.promote("1", b"one")
    again.runtime.watcher.load_from_disk()
    again.runtime.watcher.look()
    assert (mark(again), again.fetched) == ("one", [])


def test_a_version_that_lists_its_files_in_another_way_is_fetched_once(service: Any) -> None:
    """A registry of another release may write its lists otherwise; what it has checked is not doubted."""
    production, fetched = service.registry.production, []
    files = service.registry.files
    service.registry.production = lambda family: replace(production(family), files_sha256="f" * 64)
    service.registry.files = lambda family, wanted: fetched.append(wanted) or files(family, wanted)
    for _ in range(3):
        service.runtime.watcher.look()
    assert fetched == ["1"]


def test_another_model_under_the_same_number_that_is_broken_is_refused(service: Any) -> None:
    restored = tagged(service)
    restored.registry.promote("1", b"broken")
    for _ in range(3):
        restored.runtime.watcher.look()
    assert mark(restored) == "one"
    assert restored.fetched == ["1"]
    assert service.ask("GET", "/health").json()["registry"]["refused"] == {"1": "model.txt is not a model"}
