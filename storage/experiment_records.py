"""Experiments as they are read: the row with its variants, and the record of changes, inside a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Connection, insert, select

from config.errors import ExperimentNotFound
from storage import tables
from storage.rows import plain_json

_EXPERIMENT = tables.Experiment.__table__
_VARIANT = tables.ExperimentVariant.__table__
_CHANGE = tables.ExperimentChange.__table__


class VariantRow(TypedDict):
    """A variant's counts; rewards are scaled to 0..1."""

    variant: str
    position: int
    decisions: int
    rewarded: int
    reward_sum: float
    reward_squares: float


@dataclass(frozen=True)
class ExperimentRecord:
    """An experiment as it is now. ``revision`` grows with every edit and every change of state."""

    id: str
    title: str
    state: str
    revision: int
    definition: dict[str, Any]
    winner: str | None
    created_at: datetime
    created_by: str
    started_at: datetime | None
    concluded_at: datetime | None
    variants: list[VariantRow]

    def as_dict(self) -> dict[str, Any]:
        """All of it by name; times stay times."""
        return asdict(self)


@dataclass(frozen=True)
class Change:
    """One change: who did what, when and why. ``from_state`` is None for the creation."""

    id: int
    experiment_id: str
    action: str
    from_state: str | None
    to_state: str
    actor: str
    reason: str | None
    details: dict[str, Any]
    at: datetime


def write_change(
    connection: Connection,
    experiment_id: str,
    action: str,
    from_state: str | None,
    to_state: str,
    *,
    actor: str,
    at: datetime,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Put a change on record, in the transaction that makes it."""
    values = {
        "experiment_id": experiment_id, "action": action, "from_state": from_state, "to_state": to_state,
        "actor": actor, "reason": reason, "details": plain_json(details or {}), "at": at,
    }  # fmt: skip
    connection.execute(insert(tables.ExperimentChange).values(values))


def read_experiment(connection: Connection, experiment_id: str) -> ExperimentRecord:
    """The experiment of that id. Raises ExperimentNotFound."""
    check_id(experiment_id)
    query = select(_EXPERIMENT).where(_EXPERIMENT.c.id == experiment_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise not_found(experiment_id)
    return ExperimentRecord(**row, variants=read_variants(connection, [experiment_id]).get(experiment_id, []))


def read_variants(connection: Connection, ids: Sequence[str]) -> dict[str, list[VariantRow]]:
    """The variants of each of these experiments, in their order."""
    query = (
        select(_VARIANT)
        .where(_VARIANT.c.experiment_id.in_(ids))
        .order_by(_VARIANT.c.experiment_id, _VARIANT.c.position)
    )
    found: dict[str, list[VariantRow]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["experiment_id"], []).append(
            VariantRow(
                variant=row["variant"], position=row["position"], decisions=row["decisions"],
                rewarded=row["rewarded"], reward_sum=float(row["reward_sum"]),
                reward_squares=float(row["reward_squares"]),
            )
        )  # fmt: skip
    return found


def check_id(experiment_id: str) -> None:
    """Raise ExperimentNotFound for what no id can be: a NUL or half a surrogate pair the database refuses."""
    if not experiment_id.isprintable():
        raise not_found(experiment_id)


def not_found(experiment_id: str) -> ExperimentNotFound:
    """What to raise where there is no such experiment."""
    return ExperimentNotFound(
        f"There is no experiment '{experiment_id}'.", hint="`assay experiments list` shows those there are."
    )
