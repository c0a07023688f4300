"""Feature flags in the database: their state, and every change of it, append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.dialects import postgresql

from config.errors import FlagConflict, InputError
from config.flags import FLAGS, FlagState, known_flag
from storage.database import lock_names, transaction
from storage.recommendation_tables import FeatureFlag, FeatureFlagChange

LONGEST_REASON = 1000
_FLAG = FeatureFlag.__table__
_CHANGE = FeatureFlagChange.__table__


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as it is now. ``revision`` grows with every change; 0, with no time, is the default."""

    name: str
    enabled: bool
    rollout: int
    revision: int = 0
    updated_at: datetime | None = None
    updated_by: str | None = None

    @property
    def state(self) -> FlagState:
        """What of it decides."""
        return FlagState(self.enabled, self.rollout)


@dataclass(frozen=True, slots=True)
class FlagChange:
    """A change of a flag: who, when, why, from what to what."""

    id: int
    name: str
    at: datetime
    actor: str
    reason: str | None
    was_enabled: bool
    was_rollout: int
    enabled: bool
    rollout: int

    @property
    def was(self) -> FlagState:
        """Its state before."""
        return FlagState(self.was_enabled, self.was_rollout)

    @property
    def now(self) -> FlagState:
        """Its state after."""
        return FlagState(self.enabled, self.rollout)


def read_flags(engine: Engine) -> dict[str, Flag]:
    """Every flag there is by its name, in the order of ``config/flags.py``; unchanged ones have their default.

    Raises:
        DatabaseUnavailable: the database is away.
    """
    query = select(_FLAG).where(_FLAG.c.name.in_(list(FLAGS)))
    with transaction(engine) as connection:
        rows = {row["name"]: Flag(**row) for row in connection.execute(query).mappings()}
    return {name: rows.get(name, _default(name)) for name in FLAGS}


def set_flag(
    engine: Engine,
    name: str,
    *,
    enabled: bool,
    rollout: int,
    actor: str,
    reason: str,
    at: datetime,
    expected_revision: int | None = None,
) -> Flag:
    """Change a flag, and put the change on record in the same transaction.

    Args:
        engine: the platform's database.
        name: of the flag.
        enabled: whether it is on at all.
        rollout: percent of the users for whom it then is, 0 to 100.
        actor: who changes it.
        reason: why.
        at: now, in UTC.
        expected_revision: the revision that the change was made from (None: whichever there is).

    Returns:
        The flag as it is from now on.

    Raises:
        InputError: there is no such flag, the percentage is none, there is no reason, or nothing would change.
        FlagConflict: somebody else changed it since ``expected_revision``; nothing was done.
    """
    known_flag(name)
    reason = checked_reason(reason)
    if not 0 <= rollout <= 100:
        raise InputError(f"The roll-out is a whole percentage from 0 to 100, not {rollout}.")
    with transaction(engine) as connection:
        lock_names(connection, "flag", [name])
        before = _read(connection, name)
        if expected_revision is not None and before.revision != expected_revision:
            raise FlagConflict(
                f"Somebody changed {name} in the meantime: it is {before.state.words} now.",
                hint="Look at it again, then decide.",
            )
        if before.state == FlagState(enabled, rollout):
            raise InputError(f"{name} is {before.state.words} already: nothing would change.")
        after = Flag(name, enabled, rollout, before.revision + 1, at, actor)
        _write(connection, before, after, reason)
    return after


def changes(engine: Engine, name: str | None = None, limit: int = 50) -> list[FlagChange]:
    """The last changes of a flag, or of all, the newest first.

    Raises:
        InputError: there is no such flag.
    """
    query = select(_CHANGE).order_by(_CHANGE.c.id.desc()).limit(limit)
    if name is not None:
        known_flag(name)
        query = query.where(_CHANGE.c.name == name)
    with transaction(engine) as connection:
        return [FlagChange(**row) for row in connection.execute(query).mappings()]


def checked_reason(reason: str) -> str:
    """The reason of a change, without blanks around it. Raises InputError where there is none, or no text."""
    reason = reason.strip()
    if not reason:
        raise InputError("Say why: the reason is kept in the history.")
    if len(reason) > LONGEST_REASON:
        raise InputError(f"The reason has more than {LONGEST_REASON} characters.")
    if any(one == "\0" or "\ud800" <= one <= "\udfff" for one in reason):
        raise InputError("The reason holds a character that cannot be kept.")
    return reason


def _default(name: str) -> Flag:
    state = FLAGS[name].default
    return Flag(name, state.enabled, state.rollout)


def _read(connection: Connection, name: str) -> Flag:
    row = connection.execute(select(_FLAG).where(_FLAG.c.name == name)).mappings().one_or_none()
    return _default(name) if row is None else Flag(**row)


def _write(connection: Connection, before: Flag, after: Flag, reason: str) -> None:
    values = {
        "enabled": after.enabled, "rollout": after.rollout, "revision": after.revision,
        "updated_at": after.updated_at, "updated_by": after.updated_by,
    }  # fmt: skip
    connection.execute(
        postgresql.insert(FeatureFlag)
        .values(name=after.name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
    change = {
        "name": after.name, "at": after.updated_at, "actor": after.updated_by, "reason": reason,
        "was_enabled": before.enabled, "was_rollout": before.rollout,
        "enabled": after.enabled, "rollout": after.rollout,
    }  # fmt: skip
    connection.execute(insert(FeatureFlagChange).values(change))
