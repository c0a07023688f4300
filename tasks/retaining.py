"""Retention: deleting what was planned. No Prefect here: the command uses it too.

Before anything is deleted the plan is on record (``retention_runs``, append-only), and afterwards what was
deleted. Each step finds what an earlier run has left, so that a run that was killed is completed by the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from config.errors import AssayError, DatabaseUnavailable, InputError, RegistryUnavailable, StoreUnavailable
from storage.database import advisory_guard
from storage.retention import CANDIDATES, EVENTS, KINDS, MONITOR, PARTS, REVISIONS, STORE_LOCK, Plan
from storage.retention_events import PATIENCE_SECONDS, drop_month
from storage.retention_monitor import forget_report
from storage.retention_rows import OldRows, delete_old
from storage.retention_runs import record_run
from tasks.platform import Platform
from tasks.retention_looking import Told, Work
from tasks.retention_versions import retire

GUARD_SECONDS = 60.0
#: What is counted of a kind, where it is not rows alone.
UNITS = {
    CANDIDATES: "objects and rows", REVISIONS: "objects", PARTS: "objects", MONITOR: "objects and rows",
}  # fmt: skip
#: Something is away: the whole is to be tried again.
TRANSIENT = (DatabaseUnavailable, StoreUnavailable, RegistryUnavailable)


@dataclass
class Done:
    """What was deleted, by kind, and sentences about what could not be: the next run tries it again."""

    deleted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    left: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all that was planned is gone."""
        return not self.left

    def as_json(self) -> dict[str, Any]:
        """JSON-ready form; ``totals`` has what went by kind and unit, as a plan has what would go."""
        totals = {kind: {UNITS.get(kind, "rows"): count} for kind, count in self.deleted.items() if count}
        return {"deleted": dict(self.deleted), "totals": totals, "left": list(self.left)}


def apply(
    parts: Platform,
    work: Work,
    *,
    at: dt.datetime,
    actor: str,
    run_id: str | None,
    expected: str | None = None,
    told: Told = lambda _: None,
    patience: float = PATIENCE_SECONDS,
) -> Done:
    """Delete what ``work`` plans, kind by kind; a kind that fails leaves the others alone.

    Args:
        parts: the platform.
        work: of :func:`tasks.retention_looking.look`.
        at: now, for the record.
        actor: who asked for it; kept for ever.
        run_id: the flow's run, where there is one.
        expected: the digest of the plan that was read; another plan is then refused.
        told: called with what is being done.
        patience: seconds that dropping one month of events is tried.

    Raises:
        InputError: the plan is another one than was expected; nothing is deleted.
        DatabaseError: a backup is being written, or another run of retention is at work.
        DatabaseUnavailable, StoreUnavailable: it broke off; run it again.
    """
    plan = work.plan
    if expected is not None and expected != plan.digest:
        raise InputError(
            f"What would be deleted has changed: the plan is {plan.digest} now, not {expected}.",
            hint="Read it again, and ask for that.",
        )
    done = Done()
    with advisory_guard(parts.engine, GUARD_SECONDS)(STORE_LOCK):
        known: dict[str, Any] = {"run_id": run_id, "actor": actor, "dry_run": False}
        record_run(parts.engine, at=at, plan=plan.as_json(), deleted={}, **known)
        note = {"at": at.isoformat(), "actor": actor, "run_id": run_id, "plan": plan.digest}
        with ExitStack() as ending:
            # also of a run that breaks off it is on record how far it came
            ending.callback(_conclude, parts, plan, at, known, done)
            _delete(parts, work, note, done, told, patience)
    return done


def _conclude(parts: Platform, plan: Plan, at: dt.datetime, known: dict[str, Any], done: Done) -> None:
    told = {name: value for name, value in plan.as_json().items() if name not in ("lines", "versions")}
    record_run(parts.engine, at=at, plan=told, deleted=done.as_json(), **known)


def _delete(parts: Platform, work: Work, note: dict[str, Any], done: Done, told: Told, patience: float) -> None:
    for old in work.rows:
        told(f"Deleting {old.what} ...")
        with _or_left(done, old.what):
            _delete_rows(parts, old, done)
    for report in work.reports:
        with _or_left(done, f"The report of {report.family} of {report.day}"):
            parts.store.delete(report.key)  # the page first: a row without one is found again
            forget_report(parts.engine, report)
            done.deleted[MONITOR] += 1
    for month in work.months:
        told(f"Dropping {month.line.what} ...")
        with _or_left(done, month.line.what):
            why_not = drop_month(parts.engine, month.span, newest=month.newest, patience=patience)
            if why_not is None:
                done.deleted[EVENTS] += month.line.count
            else:
                done.left.append(f"{month.line.what} {why_not}: the next run looks at it again.")
    for each in work.retiring:
        told(f"Deleting versions of {each.family} ...")
        with _or_left(done, f"Versions of {each.family}"):
            for kind, count in retire(parts, each, note=note, day=work.plan.at).items():
                done.deleted[kind] += count
    told("Deleting parts that no manifest names ...")
    with _or_left(done, "Parts that no manifest names"):
        gone = parts.datasets.gc(older_than=dt.timedelta(0), as_of=work.parts_before, delete=True)
        done.deleted[PARTS] += len(gone)


@contextmanager
def _or_left(done: Done, what: str) -> Iterator[None]:
    """What cannot be deleted now (a locked row, a page that is denied) is left, and said; only where a part of
    the platform is away the run ends: nothing else would go either.
    """
    try:
        yield
    except TRANSIENT:
        raise
    except AssayError as error:
        done.left.append(f"{what}: {error} What is left, the next run tries again.")


def _delete_rows(parts: Platform, old: OldRows, done: Done) -> None:
    before = done.deleted[old.kind]

    def count(deleted: int) -> None:  # batch by batch: what went is on record also when a later one cannot
        done.deleted[old.kind] = before + deleted

    delete_old(parts.engine, old, count)


def record_dry_run(parts: Platform, work: Work, *, at: dt.datetime, actor: str, run_id: str | None) -> None:
    """Put on record what would have been deleted, and was not."""
    plan = work.plan.as_json()
    record_run(parts.engine, at=at, run_id=run_id, actor=actor, plan=plan, deleted={}, dry_run=True)
