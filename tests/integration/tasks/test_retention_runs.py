"""Runs of retention: what is on record of them, and what one leaves that broke off."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.errors import StoreUnavailable
from storage.copying import cursor
from storage.database import transaction
from storage.retention import CANDIDATES, PARTS, PREDICTIONS
from storage.retention_runs import list_runs
from tasks.audit import audit
from tasks.platform import Platform
from tasks.retention_looking import look
from tests.retention_world import (
    DAYS,
    NOW,
    ago,
    carry_out,
    collected,
    count,
    counts,
    keeping,
    marks,
    month_ago,
    part_keys,
    planned,
    predict,
    publish,
    wait_in_index,
)


def test_parts_that_no_manifest_names_go_when_they_are_older_than_a_day(plain: Platform) -> None:
    parts = keeping(plain, parts_hours=24.0)
    orphan = f"datasets/viral/full/2026-10/{'0' * 64}.parquet"
    parts.store.put(orphan, b"left")
    kept = publish(parts, "full", "2026-10")

    assert planned(look(parts, NOW)) == {}  # it is of today
    work = look(parts, NOW + timedelta(days=1))
    assert carry_out(parts, work).deleted[PARTS] == planned(work)[PARTS] == 1
    assert part_keys(parts) == {part.key for part in kept.parts}


def test_each_run_is_on_record_before_and_after_and_nobody_can_change_that(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["viral"], [ago(1).date()])
    predict(parts.engine, "viral", [40])
    work = look(parts, NOW)

    carry_out(parts, work)

    after, before = list_runs(parts.engine)
    assert before.plan == work.plan.as_json()
    assert (before.deleted, before.actor, before.run_id, before.dry_run) == ({}, "ada", "run", False)
    assert after.deleted["deleted"][PREDICTIONS] == 2
    assert after.deleted["totals"] == {PREDICTIONS: {"rows": 2}}
    assert after.plan["digest"] == work.plan.digest
    with pytest.raises(Exception, match="append-only"), transaction(parts.engine) as connection:
        connection.execute(text("delete from retention_runs"))


def test_a_version_marked_behind_the_record_is_a_fault(plain: Platform) -> None:
    version = publish(plain, "full", "2026-10")
    plain.datasets.retire(version, {"by": "nobody"})

    (fault,) = audit(plain, models=False).faults

    assert fault.what == version.name
    assert "no run of retention is on record" in fault.problem


class Failing:
    """A store that goes away after so many deletions."""

    def __init__(self, store: Any, after: int) -> None:
        self._store, self._after = store, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete(self, key: str) -> None:
        if not self._after:
            raise StoreUnavailable("gone")
        self._after -= 1
        self._store.delete(key)


@pytest.mark.parametrize("deletions", [0, 1, 2, 3])
def test_what_broke_off_leaves_no_fault_and_is_completed_by_the_next_run(
    plain: Platform, deletions: int
) -> None:
    parts = keeping(plain, candidates_days=62)
    month = month_ago(5)
    days = [publish(parts, "candidates", f"{month}-{day:02d}", (str(day),)) for day in range(1, 5)]
    verified = publish(parts, "verified", month, tuple("1234"), built_from=days)
    date = datetime.fromisoformat(f"{month}-02").date()
    wait_in_index(parts.engine, "viral", date, ("waiting",) * 3, NOW)
    broken = Platform(parts.settings)
    broken.store = Failing(parts.store, deletions)
    work = look(parts, NOW)

    with pytest.raises(StoreUnavailable):
        carry_out(broken, work)
    broken.close()
    halfway = audit(parts, models=False)
    rest = look(parts, NOW)
    done = carry_out(parts, rest)

    assert halfway.faults == []
    assert done.deleted[CANDIDATES] == planned(rest)[CANDIDATES] == 4 - deletions + 3
    assert marks(parts) == {one.name for one in days}
    assert part_keys(parts) == {part.key for part in verified.parts}
    assert count(parts.engine, "candidates") == 0
    assert audit(parts, models=False).faults == []
    assert planned(look(parts, NOW)) == {}


def test_the_rest_of_what_a_killed_run_left_in_a_table_goes_with_the_next(
    plain: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.retention_rows.BATCH", 7)
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["viral"], [ago(1).date()])
    predict(parts.engine, "viral", [31 + n for n in range(40)] + [29])
    work = look(parts, NOW)
    with transaction(parts.engine) as connection, cursor(connection) as cur:
        # somebody holds a row: a run passes it over, and does not wait
        cur.execute("select from predictions where at = %s for update", (ago(35),))
        done = carry_out(parts, work)
    assert done.deleted[PREDICTIONS] == 78
    assert count(parts.engine, "predictions") == 2

    assert carry_out(parts, look(parts, NOW)).deleted[PREDICTIONS] == 2
    assert count(parts.engine, "predictions") == 1


def test_a_backup_after_retention_comes_back_whole_and_its_faults_are_none(
    plain: Platform, postgres_server: Any, tmp_path: Path
) -> None:
    from local.postgres_host import find_programs
    from storage.backups import BackupFolder
    from storage.objects_local import LocalStore
    from tasks.backup import back_up
    from tasks.backup_restore import restore

    parts = keeping(plain, candidates_days=62, predictions_days=DAYS)
    month = month_ago(5)
    day = publish(parts, "candidates", f"{month}-03")
    publish(parts, "verified", month, built_from=(day,))
    collected(parts, ["viral"], [ago(1).date()])
    predict(parts.engine, "viral", [40, 1])
    carry_out(parts, look(parts, NOW))
    programs, target = find_programs().folder, BackupFolder(LocalStore(tmp_path / "backups"))
    names = {"platform": parts.settings.db_name}
    back_up(parts.settings, target, programs=programs, at=NOW, databases=names)
    name = f"{parts.settings.db_name}_back"
    postgres_server.create_database(name)
    there = postgres_server.settings(name, tmp_path / "back")
    try:
        restore(there, target, programs=programs, databases={"platform": name})
        back = Platform(there)
        found = audit(back, models=False)
        assert (found.faults, found.retired) == ([], 1)
        assert counts(back.engine) == counts(parts.engine)
        back.close()
    finally:
        postgres_server.drop_database(name)
