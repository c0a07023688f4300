"""The history of promotions, append-only: who moved a family's production alias, why, with which figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select

from storage import tables
from storage.database import transaction
from storage.rows import plain_json

Action = Literal["promote", "rollback", "force"]


@dataclass(frozen=True)
class Promotion:
    """One move of the alias; ``from_version`` is None for a family's first."""

    id: int
    family: str
    from_version: str | None
    to_version: str
    action: str
    actor: str
    reason: str
    figures: dict[str, Any]
    at: datetime


def append_promotion(
    engine: Engine,
    *,
    family: str,
    from_version: str | None,
    to_version: str,
    action: Action,
    actor: str,
    reason: str,
    figures: Mapping[str, Any],
    at: datetime,
) -> Promotion:
    """Write one row of history; there is no way to change it afterwards.

    Raises:
        DatabaseError: an unknown action, or no actor.
        DatabaseUnavailable: the server cannot be reached.
    """
    row = tables.Promotion.__table__
    values = {
        "family": family, "from_version": from_version, "to_version": to_version, "action": action,
        "actor": actor, "reason": reason, "figures": plain_json(figures), "at": at,
    }  # fmt: skip
    with transaction(engine) as connection:
        added = connection.execute(insert(tables.Promotion).values(values).returning(row))
        return Promotion(**added.mappings().one())


def list_promotions(engine: Engine, family: str | None = None, limit: int | None = None) -> list[Promotion]:
    """The newest promotions first, of one family or of all."""
    row = tables.Promotion.__table__
    query = select(row).order_by(row.c.id.desc()).limit(limit)
    if family is not None:
        query = query.where(row.c.family == family)
    with transaction(engine) as connection:
        return [Promotion(**each) for each in connection.execute(query).mappings()]
