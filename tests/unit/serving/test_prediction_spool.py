from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc

from config.errors import DatabaseError, DatabaseUnavailable, InputError
from serving.metrics import ServiceMetrics
from serving.recorder import new_identities
from serving.shipper import Shipper, is_about_the_data
from serving.spool import ASIDE, Spool

LARGE = 1 << 30


def line(number: int) -> bytes:
    return json.dumps({"id": number}).encode() + b"\n"


class Database:
    """Keeps rows by id; refuses what a test wants refused."""

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.away = False
        self.poison: set[Any] = set()

    def insert(self, rows: list[dict[str, Any]]) -> int:
        if self.away:
            raise DatabaseUnavailable("away")
        if self.poison & {row["id"] for row in rows}:
            raise InputError("a row does not fit")
        self.rows.update({row["id"]: row for row in rows})
        return len(rows)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, max_bytes=LARGE)


def ship(spool: Spool, database: Database, metrics: ServiceMetrics) -> Shipper:
    spool.rotate()
    shipper = Shipper(spool, lambda: database.insert, metrics.predictions)
    shipper.ship()
    return shipper


def test_lines_arrive_once_and_their_file_goes(
    spool: Spool, database: Database, metrics: ServiceMetrics
) -> None:
    for number in range(2500):
        spool.append(line(number))
    assert spool.pending().rows == 2500
    ship(spool, database, metrics)
    assert set(database.rows) == set(range(2500))
    assert (spool.pending().rows, spool.pending().oldest) == (0, None)


def test_nothing_is_lost_while_the_database_is_away(
    spool: Spool, database: Database, metrics: ServiceMetrics
) -> None:
    database.away = True
    for number in range(10):
        spool.append(line(number))
        with pytest.raises(DatabaseUnavailable):
            ship(spool, database, metrics)
    assert spool.pending().rows == 10
    database.away = False
    ship(spool, database, metrics)
    assert set(database.rows) == set(range(10))


def test_a_restart_ships_what_the_last_run_left(
    tmp_path: Path, database: Database, metrics: ServiceMetrics
) -> None:
    first = Spool(tmp_path, max_bytes=LARGE)
    first.append(line(1))
    first.rotate()
    first.append(line(2))
    first.close()
    ship(Spool(tmp_path, max_bytes=LARGE), database, metrics)
    assert set(database.rows) == {1, 2}


def test_the_files_of_a_living_worker_are_left_alone(
    tmp_path: Path, database: Database, metrics: ServiceMetrics
) -> None:
    alive = Spool(tmp_path, max_bytes=LARGE)
    alive.append(line(1))
    other = Spool(tmp_path, max_bytes=LARGE)
    ship(other, database, metrics)
    assert database.rows == {}
    assert other.pending().rows == 1


def test_a_worker_killed_in_mid_work_loses_no_acknowledged_line(
    tmp_path: Path, database: Database, metrics: ServiceMetrics
) -> None:
    program = (
        "import sys; from pathlib import Path; from serving.spool import Spool\n"
        f"spool = Spool(Path({str(tmp_path)!r}), max_bytes={LARGE})\n"
        "for number in range(10**9):\n"
        "    spool.append(b'{\"id\": %d}\\n' % number)\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        for _ in range(200):
            worker.stdout.readline()
        os.kill(worker.pid, signal.SIGKILL)
        acknowledged = 200 + len(worker.stdout.read().splitlines())
    ship(Spool(tmp_path, max_bytes=LARGE), database, metrics)
    assert set(range(acknowledged)) <= set(database.rows)


def test_torn_and_poisonous_lines_are_set_aside_with_the_reason(
    spool: Spool, database: Database, metrics: ServiceMetrics, tmp_path: Path
) -> None:
    database.poison = {3, 777}
    for number in range(1000):
        spool.append(line(number))
    spool.append(b'{"id": 10')
    ship(spool, database, metrics)
    assert set(database.rows) == set(range(1000)) - {3, 777}
    (aside,) = (tmp_path / ASIDE).iterdir()
    entries = [json.loads(entry) for entry in aside.read_text().splitlines()]
    assert sorted(entry["reason"] for entry in entries) == [
        "InputError: a row does not fit",
        "InputError: a row does not fit",
        "not a whole line of JSON",
    ]
    assert spool.pending().rows == 0


def test_past_its_size_the_queue_takes_nothing_and_recovers(
    tmp_path: Path, database: Database, metrics: ServiceMetrics
) -> None:
    spool = Spool(tmp_path, max_bytes=100)
    spool.append(line(1) * 20)
    spool.measure()
    with pytest.raises(OSError, match="more than 100 bytes"):
        spool.append(line(2))
    ship(spool, database, metrics)
    spool.measure()
    spool.append(line(3))


def test_a_disk_that_refuses_half_a_line_leaves_whole_lines(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(line(1))
    write, calls = os.write, iter([5, OSError(28, "No space left on device")])

    def full(descriptor: int, data: bytes) -> int:
        step = next(calls)
        if isinstance(step, OSError):
            raise step
        return write(descriptor, data[:step])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        spool.append(line(2))
    monkeypatch.undo()
    spool.append(line(3))
    spool.rotate()
    (segment,) = spool.take()
    assert segment.read() == line(1) + line(3)


@pytest.mark.parametrize(
    ("error", "about_data"),
    [
        (InputError("row"), True),
        (ValueError("x"), True),
        (exc.DataError("insert", {}, Exception()), True),
        (exc.IntegrityError("insert", {}, Exception()), True),
        (exc.OperationalError("insert", {}, Exception()), False),
        (exc.ProgrammingError("no such table", {}, Exception()), False),
        (exc.InternalError("insert", {}, Exception()), False),
        (DatabaseUnavailable("away"), False),
        (DatabaseError("no space left"), False),
        (ConnectionError("gone"), False),
    ],
)
def test_rows_are_blamed_only_for_what_is_wrong_with_rows(error: Exception, about_data: bool) -> None:
    assert is_about_the_data(error) is about_data
    wrapped = DatabaseError("PostgreSQL refused")
    wrapped.__cause__ = error
    assert is_about_the_data(wrapped) is about_data


def test_identities_are_version_7_uuids_all_different() -> None:
    made = new_identities(1000)
    assert len(set(made)) == 1000
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made} == {(7, uuid.RFC_4122)}
    assert [str(uuid.UUID(one)) for one in made] == made


def test_the_shipper_thread_lives_through_whatever_the_database_does(
    spool: Spool, database: Database, metrics: ServiceMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.shipper.TICK_SECONDS", 0.01)
    faults: list[Exception] = [MemoryError(), RuntimeError("x"), DatabaseUnavailable("away")]

    def connect() -> Any:
        if faults:
            raise faults.pop()
        return database.insert

    shipper = Shipper(spool, connect, metrics.predictions)
    monkeypatch.setattr(shipper, "_postpone", lambda error: setattr(shipper, "last_error", str(error)))
    spool.append(line(1))
    shipper.start()
    for _ in range(300):
        if database.rows:
            break
        shipper._stopping.wait(0.01)
    spool.append(line(2))
    assert shipper.stop()
    assert set(database.rows) == {1, 2}
