"""A writer killed at any point leaves no half version, and the next run completes it."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import StoreUnavailable
from storage.datasets import DatasetRepository, Manifest
from storage.objects import ObjectStore
from storage.objects_local import LocalStore
from tests.integration.storage.datasets_world import publish, rows

COUNT = 4000


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {"group_bytes": 1 << 20, "group_rows": 500}
    monkeypatch.setattr("storage.datasets.chunking.row_groups.__kwdefaults__", defaults)


@pytest.fixture
def expected(tmp_path: Path) -> Manifest:
    """What a run that nobody disturbs publishes."""
    repository = DatasetRepository(LocalStore(tmp_path / "undisturbed"), part_bytes=30_000)
    return publish(repository, rows(COUNT)).manifest


def assert_whole_or_absent(store: ObjectStore, expected: Manifest) -> bool:
    """A reader sees nothing or all of it; returns whether it is there."""
    repository = DatasetRepository(store, part_bytes=30_000)
    versions = repository.list()
    assert versions in ([], [expected])
    for version in versions:
        assert repository.table(version).equals(rows(COUNT))
    return bool(versions)


def assert_rerun_completes(store: ObjectStore, expected: Manifest) -> None:
    repository = DatasetRepository(store, part_bytes=30_000)
    assert publish(repository, rows(COUNT)).manifest == expected
    assert assert_whole_or_absent(store, expected)
    later = datetime.now(UTC) + timedelta(days=1)
    repository.gc(older_than=timedelta(0), as_of=later, delete=True)
    named = {expected.key, *(part.key for part in expected.parts)}
    assert {info.key for info in store.list()} == named
    assert assert_whole_or_absent(store, expected)


class FailingStore:
    """Raises at its n-th operation, before or after doing it, and at every one that follows."""

    def __init__(self, store: ObjectStore, count: int, done_first: bool) -> None:
        self._store, self._last, self._done_first = store, count, done_first
        self._turns = itertools.count(1)
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        def counted(*arguments: Any) -> Any:
            turn = next(self._turns)
            if turn < self._last:
                return verb(*arguments)
            if turn == self._last and self._done_first:
                result = verb(*arguments)
                if isinstance(result, Iterator):
                    list(result)
            self.failed = True
            raise StoreUnavailable("gone")

        return counted


@pytest.mark.parametrize("done_first", [False, True])
def test_a_store_that_goes_away_at_any_operation_leaves_no_half_version(
    store: ObjectStore, expected: Manifest, done_first: bool
) -> None:
    operations = 0
    for count in range(1, 100):
        failing: Any = FailingStore(store, count, done_first)
        try:
            publish(DatasetRepository(failing, part_bytes=30_000), rows(COUNT))
        except StoreUnavailable:
            assert_whole_or_absent(store, expected)
            for info in list(store.list()):
                store.delete(info.key)
        if not failing.failed:
            break
        operations = count
    assert operations >= len(expected.parts) * 2 + 3
    assert_rerun_completes(store, expected)


def writer(folder: Path, *death: str) -> subprocess.Popen[str]:
    here = Path(__file__).with_name("dataset_writer_process.py")
    command = [sys.executable, str(here), str(folder), str(COUNT), *death]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", [2, 4, 7])
def test_a_process_that_dies_at_an_operation_leaves_no_half_version(
    tmp_path: Path, expected: Manifest, moment: str, operation: int
) -> None:
    store = LocalStore(tmp_path / "store")
    with writer(tmp_path / "store", moment, str(operation)) as process:
        assert process.wait(30) == 9
    assert_whole_or_absent(store, expected)
    assert_rerun_completes(store, expected)


def test_a_process_killed_at_any_time_leaves_no_half_version(tmp_path: Path, expected: Manifest) -> None:
    store = LocalStore(tmp_path / "store")
    chance = random.Random(7)
    outcomes = set()
    for _ in range(6):
        with writer(tmp_path / "store") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, 0.06))
            process.kill()
        outcomes.add(assert_whole_or_absent(store, expected))
        for info in list(store.list("metadata/")):
            store.delete(info.key)
    assert False in outcomes
    assert_rerun_completes(store, expected)


def test_two_processes_at_once_publish_one_version(tmp_path: Path, expected: Manifest) -> None:
    store = LocalStore(tmp_path / "store")
    with writer(tmp_path / "store") as one, writer(tmp_path / "store") as two:
        assert (one.wait(30), two.wait(30)) == (0, 0)
    assert assert_whole_or_absent(store, expected)
