"""What a service holds in memory of each experiment, read in one statement again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL
from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

_STATES = SQL(
    """
    select
      e.id, e.revision, e.state, e.winner,
      case when known.revision is distinct from e.revision then e.definition end,
      v.decisions, v.rewarded, v.reward_sum, v.reward_squares, coalesce(m.version, 0)
    from experiments e
    left join unnest(%s::text[], %s::int8[]) as known (id, revision) on known.id = e.id
    left join experiment_models m on m.experiment_id = e.id
    left join lateral (
      select
        array_agg(decisions order by position) as decisions, array_agg(rewarded order by position) as rewarded,
        array_agg(reward_sum::float8 order by position) as reward_sum,
        array_agg(reward_squares::float8 order by position) as reward_squares
      from experiment_variants where experiment_id = e.id and e.state = 'running'
    ) as v on true
    """
)


@dataclass(frozen=True, slots=True)
class StateRow:
    """An experiment as it is now.

    Attributes:
        definition: None where its revision was known already.
        counts: (decisions, rewarded, reward_sum, reward_squares) of each variant, in their order; None unless
            it runs. Rewards are scaled to 0..1.
        model_version: of its contextual bandit; 0 while there is none.
    """

    id: str
    revision: int
    state: str
    winner: str | None
    definition: Mapping[str, Any] | None
    counts: tuple[tuple[int, int, float, float], ...] | None
    model_version: int


def states(engine: Engine, known: Mapping[str, int]) -> list[StateRow]:
    """All experiments, all of one moment.

    Args:
        engine: the platform's database.
        known: id -> revision of those whose definition is at hand.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        rows = cur.execute(_STATES, (list(known), list(known.values()))).fetchall()
    return [
        StateRow(name, revision, state, winner, definition, _counts(sums), version)
        for name, revision, state, winner, definition, *sums, version in rows
    ]


def _counts(sums: Sequence[Any]) -> tuple[tuple[int, int, float, float], ...] | None:
    return tuple(zip(*sums, strict=True)) if sums[0] else None


def bandit_model(engine: Engine, experiment_id: str) -> tuple[int, bytes] | None:
    """(version, state) of a contextual bandit; None while it has learned nothing."""
    query = "select version, model from experiment_models where experiment_id = %s"
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, (experiment_id,)).fetchone()
    return (found[0], bytes(found[1])) if found else None
