"""Rollouts: versions that are tried beside the one in production. One of a family runs at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select, update

from config.errors import InputError
from storage import tables
from storage.database import transaction
from storage.monitor_tables import Rollout as Table

Mode = Literal["canary", "shadow"]
CANARY: Mode = "canary"
SHADOW: Mode = "shadow"
#: What became of one: it went into production; somebody stopped it; another version went into production, so
#: that the one it was compared with answers no more; a process died while it began or ended.
PROMOTED, STOPPED, SUPERSEDED, INTERRUPTED = "promoted", "stopped", "superseded", "interrupted"


@dataclass(frozen=True)
class Rollout:
    """A version tried beside ``champion``, the one in production; it runs while ``ended_at`` is None.

    ``share`` is that of the questions: a canary answers them, a shadow is asked them too, unseen.
    """

    id: int
    family: str
    version: str
    champion: str
    mode: str
    share: float
    started_at: datetime
    started_by: str
    reason: str
    ended_at: datetime | None
    ended_by: str | None
    outcome: str | None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None


def begin_rollout(
    engine: Engine,
    *,
    family: str,
    version: str,
    champion: str,
    mode: str,
    share: float,
    by: str,
    reason: str,
    at: datetime,
) -> Rollout:
    """Write down that a rollout begins.

    Raises:
        InputError: one of the family runs already.
        DatabaseUnavailable: the server cannot be reached.
    """
    row = tables.Rollout.__table__
    values: dict[str, Any] = {
        "family": family, "version": version, "champion": champion, "mode": mode, "share": share,
        "started_at": at, "started_by": by, "reason": reason,
    }  # fmt: skip
    running = select(row).where(row.c.family == family, row.c.ended_at.is_(None)).with_for_update()
    with transaction(engine) as connection:
        if (found := connection.execute(running).mappings().first()) is not None:
            raise InputError(
                f"Version {found['version']} of '{family}' is tried already, as a {found['mode']}.",
                hint=f"End that first: `assay models stop {family}`.",
            )
        added = connection.execute(insert(Table).values(values).returning(row))
        return Rollout(**added.mappings().one())


def end_rollout(engine: Engine, rollout_id: int, *, outcome: str, by: str, at: datetime) -> bool:
    """Write down what became of a rollout; whether it ran until now. A second time changes nothing."""
    changed = (
        update(Table)
        .where(Table.id == rollout_id, Table.ended_at.is_(None))
        .values(ended_at=at, ended_by=by, outcome=outcome)
    )
    with transaction(engine) as connection:
        return connection.execute(changed).rowcount > 0


def running_rollout(engine: Engine, family: str) -> Rollout | None:
    """The one of ``family`` that has not ended."""
    found = list_rollouts(engine, family, running=True)
    return found[0] if found else None


def list_rollouts(
    engine: Engine, family: str | None = None, *, running: bool = False, limit: int | None = None
) -> list[Rollout]:
    """Rollouts, the newest first; ``running``: only those that have not ended."""
    row = tables.Rollout.__table__
    query = select(row).order_by(row.c.id.desc()).limit(limit)
    if family is not None:
        query = query.where(row.c.family == family)
    if running:
        query = query.where(row.c.ended_at.is_(None))
    with transaction(engine) as connection:
        return [Rollout(**each) for each in connection.execute(query).mappings()]
