"""Models are taken out of memory and loaded again, in every service that has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from serving.watcher import UNLOADED

KEY_HEADER = {"x-api-key": "a key that is long enough"}


def unload(service: Any) -> dict[str, Any]:
    answer = service.ask("DELETE", "/model", headers=KEY_HEADER)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def load(service: Any) -> dict[str, Any]:
    answer = service.ask("POST", "/model/load", headers=KEY_HEADER)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def version(service: Any) -> str | None:
    found = service.ask("GET", "/", headers=KEY_HEADER).json()["model_version"]
    return str(found) if found else None


@pytest.mark.parametrize("name", ["service", "ctr", "face"])
def test_every_service_unloads_its_model_and_loads_it_again(name: str, request: pytest.FixtureRequest) -> None:
    service = request.getfixturevalue(name)
    assert version(service) == "1"
    gone = unload(service)
    assert (gone["loaded"], gone["model_version"]) == (False, None)
    assert "unloaded" in gone["detail"]
    assert service.runtime.slot.current is None
    assert version(service) is None
    back = load(service)
    assert back == {"loaded": True, "model_version": "1", "detail": None}
    assert version(service) == "1"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/model"), ("POST", "/model/load")])
def test_both_need_the_key(service: Any, method: str, path: str) -> None:
    assert service.ask(method, path).status_code == 401
    assert version(service) == "1"


def test_without_a_model_the_answer_says_that_it_was_unloaded(service: Any) -> None:
    unload(service)
    answer = service.ask("POST", "/predict", json={"views": 1})
    assert answer.status_code == 503
    assert "unloaded" in answer.json()["detail"]
    assert "unloaded" in service.ask("GET", "/health").json()["detail"]


def test_a_service_with_a_fallback_goes_on_answering(ctr: Any) -> None:
    unload(ctr)
    health = ctr.ask("GET", "/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")


def test_neither_a_look_nor_a_promotion_loads_it(service: Any) -> None:
    unload(service)
    service.registry.promote("2", b"two")
    service.runtime.watcher.look()
    assert version(service) is None
    assert service.ask("GET", "/health").json()["registry"]["production"] == "2"
    assert load(service)["model_version"] == "2"


def test_it_stays_unloaded_past_a_restart(service: Any, make_service: Callable[..., Any]) -> None:
    unload(service)
    restarted = make_service()
    restarted.registry.promote("1", b"one")
    restarted.runtime.watcher.load_from_disk()
    restarted.runtime.watcher.look()
    assert version(restarted) is None


def test_another_worker_of_the_service_follows_at_its_next_look(
    service: Any, make_service: Callable[..., Any]
) -> None:
    other = make_service()
    other.registry.promote("1", b"one")
    other.runtime.watcher.look()
    unload(service)
    assert version(other) == "1"
    other.runtime.watcher.look()
    assert version(other) is None
    load(service)
    other.runtime.watcher.look()
    assert version(other) == "1"


def test_while_the_registry_is_away_the_copy_on_disk_is_loaded(service: Any) -> None:
    unload(service)
    service.registry.away = True
    assert load(service)["model_version"] == "1"
    assert service.runtime.slot.current.source == "disk"


def test_what_was_being_fetched_at_the_unload_does_not_slip_in(service: Any) -> None:
    service.registry.promote("2", b"two")
    files = service.registry.files

    def slow(family: str, wanted: str) -> dict[str, bytes]:
        service.runtime.watcher.unload()
        return dict(files(family, wanted))

    service.registry.files = slow
    service.runtime.watcher.look()
    assert service.runtime.slot.current is None
    service.registry.files = files
    assert load(service)["model_version"] == "2"


def test_unloading_and_loading_twice_is_as_once(service: Any) -> None:
    assert unload(service) == unload(service)
    assert load(service) == load(service)


def test_a_disk_that_refuses_is_a_problem_and_changes_nothing(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    answer = service.ask("DELETE", "/model", headers=KEY_HEADER)
    assert answer.status_code == 503
    assert "No space left" in answer.json()["detail"]
    assert version(service) == "1"


def test_the_mark_lies_beside_the_copies_and_no_save_removes_it(service: Any) -> None:
    unload(service)
    mark = service.runtime.disk.folder / UNLOADED
    assert mark.is_file()
    for number in range(5):
        service.runtime.disk.save(str(number), {"model.txt": b"m"}, {})
    assert mark.is_file()
