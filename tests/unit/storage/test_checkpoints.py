"""Checkpoints in the object store: whole steps only, the last two, and none that nobody comes back for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.errors import InputError
from storage.checkpoints import StoredCheckpoints, drop_abandoned
from storage.objects_local import LocalStore

FOLDER = "models/checkpoints/face/abc/"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def kept(store: LocalStore) -> list[str]:
    return [info.key.removeprefix(FOLDER) for info in store.list(FOLDER)]


def files(step: int) -> dict[str, bytes]:
    return {"state.safetensors": b"tensors %d" % step, "state.json": b"{}"}


def test_the_latest_step_comes_back_and_the_last_two_are_kept(store: LocalStore) -> None:
    checkpoints = StoredCheckpoints(store, "face", "abc")
    assert checkpoints.latest() is None

    for step in range(1, 12):
        checkpoints.save(step, files(step))

    assert checkpoints.latest() == (11, files(11))
    assert {name[:9] for name in kept(store)} == {"step-0010", "step-0011"}
    checkpoints.clear()
    assert kept(store) == []


def test_a_step_whose_writer_was_killed_is_not_seen(store: LocalStore) -> None:
    checkpoints = StoredCheckpoints(store, "face", "abc")
    checkpoints.save(1, files(1))
    store.put(FOLDER + "step-0002-0123456789abcdef.safetensors", b"half")

    assert checkpoints.latest() == (1, files(1))


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_damaged_or_incomplete_step_gives_way_to_the_one_before(store: LocalStore, suffix: str) -> None:
    checkpoints = StoredCheckpoints(store, "face", "abc")
    checkpoints.save(1, files(1))
    checkpoints.save(2, files(2))
    (damaged,) = (name for name in kept(store) if name.startswith("step-0002-") and name.endswith(suffix))

    store.put(FOLDER + damaged, b"other bytes")
    assert checkpoints.latest() == (1, files(1))
    store.delete(FOLDER + damaged)
    assert checkpoints.latest() == (1, files(1))


def test_trainings_do_not_see_one_another(store: LocalStore) -> None:
    StoredCheckpoints(store, "face", "abc").save(3, files(3))

    assert StoredCheckpoints(store, "face", "abd").latest() is None
    with pytest.raises(InputError):
        StoredCheckpoints(store, "face", "../abc")


def test_what_nobody_comes_back_for_is_removed_after_a_week(store: LocalStore) -> None:
    StoredCheckpoints(store, "face", "abc").save(3, files(3))
    StoredCheckpoints(store, "other", "abc").save(3, files(3))
    now = datetime.now(UTC)

    assert drop_abandoned(store, "face", now + timedelta(days=6)) == 0
    assert drop_abandoned(store, "face", now + timedelta(days=8)) == 1
    assert kept(store) == []
    assert StoredCheckpoints(store, "other", "abc").latest() is not None
