"""Findings of the monitor: open from the run that saw them first to the one that saw them no more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, case, insert, or_, select, update

from storage.database import lock_names, transaction
from storage.monitor_tables import SEVERITIES, MonitorFinding
from storage.rows import plain_json, storable

_ROW = MonitorFinding.__table__
_RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}


class Found(Protocol):
    """A finding as it is found (``models.monitoring.contract.Finding``)."""

    @property
    def check(self) -> str: ...  # noqa: D102
    @property
    def family(self) -> str: ...  # noqa: D102
    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> str: ...  # noqa: D102
    @property
    def sentence(self) -> str: ...  # noqa: D102
    @property
    def link(self) -> str | None: ...  # noqa: D102
    @property
    def figures(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with its history; ``kind`` is the check that saw it. It is open while ``ended_at`` is None."""

    id: int
    fingerprint: str
    kind: str
    family: str
    subject: str
    severity: str
    sentence: str
    link: str | None
    figures: dict[str, Any]
    first_seen_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    alerted_severity: str | None
    alerted_at: datetime | None


@dataclass(frozen=True)
class Changes:
    """What a run changed: findings that are new, that are more severe than before, that are as they were (or
    less severe), and those that ended.
    """

    new: tuple[StoredFinding, ...] = ()
    risen: tuple[StoredFinding, ...] = ()
    still: tuple[StoredFinding, ...] = ()
    ended: tuple[StoredFinding, ...] = ()


def open_or_touch(
    engine: Engine,
    found: Sequence[Found],
    *,
    ran: Collection[tuple[str, str]],
    at: datetime,
    spared: Callable[[StoredFinding], bool] = lambda _: False,
) -> Changes:
    """Bring the open findings up to what a run found, in one transaction.

    Open findings of a check that ran and that it sees no more have ended; those of a check that did not run
    stay as they are. Doing it again changes nothing. Runs at the same time take turns. Of two findings with one
    fingerprint the more severe counts.

    Args:
        engine: the platform's database.
        found: what the run found.
        ran: (check, family) of what was looked at to the end; family '' is the platform.
        at: now, in UTC.
        spared: which open findings were not looked for, whatever ``ran``.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    worst: dict[str, Found] = {}
    for one in found:
        before = worst.get(one.fingerprint)
        if before is None or _RANK[one.severity] > _RANK[before.severity]:
            worst[one.fingerprint] = one
    with transaction(engine) as connection:
        lock_names(connection, "monitor", ["findings"])
        there = {
            one.fingerprint: one for one in _read(connection, select(_ROW).where(_ROW.c.ended_at.is_(None)))
        }
        new = [_open(connection, one, at) for name, one in worst.items() if name not in there]
        touched = [
            (there[name], _touch(connection, there[name], one, at))
            for name, one in worst.items()
            if name in there
        ]
        gone = [one for name, one in there.items() if name not in worst and not spared(one)]
        ended = _end(connection, gone, ran, at)
    risen = [now for was, now in touched if _RANK[now.severity] > _RANK[was.severity]]
    still = [now for was, now in touched if _RANK[now.severity] <= _RANK[was.severity]]
    return Changes(*(tuple(sorted(each, key=_order)) for each in (new, risen, still, ended)))


def open_findings(engine: Engine, family: str | None = None) -> list[StoredFinding]:
    """What is wrong now, of one family ('' for the platform) or of all: the worst first, then the newest."""
    query = (
        select(_ROW)
        .where(_ROW.c.ended_at.is_(None))
        .order_by(_rank(_ROW.c.severity).desc(), _ROW.c.first_seen_at.desc(), _ROW.c.id.desc())
    )
    return _all(engine, query if family is None else query.where(_ROW.c.family == family))


def finding_history(engine: Engine, family: str | None = None, *, limit: int = 200) -> list[StoredFinding]:
    """Findings, open and ended, of one family or of all: the newest first."""
    query = select(_ROW).order_by(_ROW.c.id.desc()).limit(limit)
    return _all(engine, query if family is None else query.where(_ROW.c.family == family))


def due_alerts(engine: Engine, severity: str) -> list[StoredFinding]:
    """Open findings from ``severity`` on of which nobody was told yet, or not as severe as they are now; the
    worst first.
    """
    query = (
        select(_ROW)
        .where(
            _ROW.c.ended_at.is_(None),
            _rank(_ROW.c.severity) >= _RANK[severity],
            or_(_ROW.c.alerted_severity.is_(None), _rank(_ROW.c.alerted_severity) < _rank(_ROW.c.severity)),
        )
        .order_by(_rank(_ROW.c.severity).desc(), _ROW.c.id)
    )
    return _all(engine, query)


def was_told(engine: Engine, fingerprint: str, *, since: datetime) -> bool:
    """Whether people were told since then of a finding of that name, open or ended."""
    query = select(_ROW.c.id).where(_ROW.c.fingerprint == storable(fingerprint), _ROW.c.alerted_at >= since)
    with transaction(engine) as connection:
        return connection.execute(query.limit(1)).first() is not None


def mark_alerted(engine: Engine, told: Collection[StoredFinding], at: datetime) -> None:
    """Write down that people were told of these findings, at the severity that these have."""
    with transaction(engine) as connection:
        for one in told:
            connection.execute(
                update(MonitorFinding)
                .where(_ROW.c.id == one.id)
                .values(alerted_severity=one.severity, alerted_at=at)
            )


def _open(connection: Connection, one: Found, at: datetime) -> StoredFinding:
    values = {
        "fingerprint": storable(one.fingerprint), "kind": one.check, "family": one.family,
        "subject": storable(one.subject), **_said(one), "first_seen_at": at, "last_seen_at": at,
    }  # fmt: skip
    row = connection.execute(insert(MonitorFinding).values(values).returning(_ROW)).mappings().one()
    return StoredFinding(**row)


def _touch(connection: Connection, there: StoredFinding, one: Found, at: datetime) -> StoredFinding:
    values = {**_said(one), "last_seen_at": max(at, there.last_seen_at)}
    query = update(MonitorFinding).where(_ROW.c.id == there.id).values(values).returning(_ROW)
    return StoredFinding(**connection.execute(query).mappings().one())


def _said(one: Found) -> dict[str, Any]:
    return {
        "severity": one.severity,
        "sentence": storable(one.sentence),
        "link": one.link,
        "figures": plain_json(storable(one.figures)),
    }


def _end(
    connection: Connection, gone: Sequence[StoredFinding], ran: Collection[tuple[str, str]], at: datetime
) -> list[StoredFinding]:
    ids = [one.id for one in gone if (one.kind, one.family) in set(ran)]
    if not ids:
        return []
    query = update(MonitorFinding).where(_ROW.c.id.in_(ids)).values(ended_at=at).returning(_ROW)
    return _read(connection, query)


def _all(engine: Engine, query: Select[Any]) -> list[StoredFinding]:
    with transaction(engine) as connection:
        return _read(connection, query)


def _read(connection: Connection, query: Any) -> list[StoredFinding]:
    return [StoredFinding(**row) for row in connection.execute(query).mappings()]


def _rank(column: Any) -> Any:
    return case(_RANK, value=column, else_=-1)


def _order(one: StoredFinding) -> tuple[int, int]:
    return -_RANK[one.severity], one.id
