"""What the decisions of an experiment add up to, read from the decisions themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

import numpy as np
from psycopg import Cursor
from psycopg.rows import TupleRow, dict_row
from psycopg.sql import SQL, Composed
from sqlalchemy import Engine

from config.errors import ExperimentNotFound
from storage.copying import cursor
from storage.database import transaction

#: Of each decision: its variant, propensity ``p``, the scaled reward ``r`` (NULL where it does not count: see
#: Reward.missing in models/experiments/definition.py), and whether a reward may still come.
_COUNTED = SQL(
    """
    with rule as materialized (
      select
        (definition -> 'reward' ->> 'low')::float8 as low,
        (definition -> 'reward' ->> 'high')::float8 as high,
        make_interval(secs => 3600 * (definition -> 'reward' ->> 'window_hours')::float8) as open_for,
        definition -> 'reward' ->> 'missing' = 'zero' as silence_is_zero
      from experiments where id = %(experiment)s
    )
    select
      d.id, d.at, d.variant, d.propensity as p, d.context, d.metrics, d.reward is not null as rewarded,
      case
        when d.reward is not null or silence_is_zero then (coalesce(d.reward, 0) - low) / (high - low)
      end as r,
      d.reward is null and d.late_reward is null and d.at > %(now)s - open_for as pending
    from rule, experiment_decisions d
    where d.experiment_id = %(experiment)s
    """
)
_TALLIES = SQL(
    """
    with sums as (
      select
        variant, count(*) as decisions, count(*) filter (where rewarded) as rewarded,
        count(r) as counted, count(*) filter (where pending) as pending,
        sum(r) as reward_sum, sum(r * r) as reward_squares,
        sum(1 / p) filter (where r is not null) as weights,
        sum(1 / (p * p)) filter (where r is not null) as weight_squares,
        sum(r / p) as weighted_rewards, sum(r * r / (p * p)) as weighted_reward_squares,
        sum(r / (p * p)) as weighted_cross
      from ({counted}) as d group by variant
    )
    select
      v.variant, coalesce(decisions, 0) as decisions, coalesce(rewarded, 0) as rewarded,
      coalesce(counted, 0) as counted, coalesce(pending, 0) as pending,
      coalesce(sums.reward_sum, 0) as reward_sum, coalesce(sums.reward_squares, 0) as reward_squares,
      coalesce(weights, 0) as weights, coalesce(weight_squares, 0) as weight_squares,
      coalesce(weighted_rewards, 0) as weighted_rewards,
      coalesce(weighted_reward_squares, 0) as weighted_reward_squares,
      coalesce(weighted_cross, 0) as weighted_cross
    from (select variant, position from experiment_variants where experiment_id = %(experiment)s) as v
    left join sums on sums.variant = v.variant
    order by v.position
    """
).format(counted=_COUNTED)
_METRICS = SQL(
    """
    select variant, key, count(*), sum(value::float8), sum(value::float8 * value::float8)
    from experiment_decisions, jsonb_each_text(metrics)
    where experiment_id = %(experiment)s and metrics is not null
    group by variant, key
    order by variant, key
    """
)
_TIMELINE = SQL(
    """
    with counted as ({counted}),
    span as (
      select min(at) as first, greatest(max(at), min(at) + interval '1 second') as last from counted
    ),
    placed as (
      select
        variant, rewarded, r, first, (last - first) / %(points)s as step,
        least(
          %(points)s - 1,
          floor(%(points)s * extract(epoch from at - first) / extract(epoch from last - first))
        ) as place
      from counted, span
    ),
    sums as (
      select
        variant, place, first, step, count(*) as decisions, count(*) filter (where rewarded) as rewarded,
        coalesce(sum(r), 0) as reward_sum
      from placed group by variant, place, first, step
    ),
    grid as (
      select v.variant, v.position, place
      from experiment_variants v, generate_series(0, %(points)s - 1) as place
      where v.experiment_id = %(experiment)s
    )
    select
      (select first + (grid.place + 1) * (last - first) / %(points)s from span) as at, grid.variant,
      coalesce(sum(decisions) over so_far, 0)::int8 as decisions,
      coalesce(sum(rewarded) over so_far, 0)::int8 as rewarded,
      coalesce(sum(reward_sum) over so_far, 0)::float8 as reward_sum
    from grid left join sums on sums.variant = grid.variant and sums.place = grid.place
    where exists (select from counted)
    window so_far as (partition by grid.variant order by grid.place)
    order by grid.place, position
    """
).format(counted=_COUNTED)
_LOG = SQL(
    """
    select v.position, r, p, context
    from ({counted}) as d
    join experiment_variants v on v.experiment_id = %(experiment)s and v.variant = d.variant
    where r is not null
    order by d.at desc, d.id desc
    limit %(limit)s
    """
).format(counted=_COUNTED)


class TallyRow(TypedDict):
    """The fields of models/experiments/definition.py's VariantTally."""

    variant: str
    decisions: int
    rewarded: int
    counted: int
    pending: int
    reward_sum: float
    reward_squares: float
    weights: float
    weight_squares: float
    weighted_rewards: float
    weighted_reward_squares: float
    weighted_cross: float
    metrics: dict[str, tuple[int, float, float]]


class TimelinePoint(TypedDict):
    """What a variant had come to at a time: all of it until then. ``reward_sum`` is scaled to 0..1."""

    at: datetime
    variant: str
    decisions: int
    rewarded: int
    reward_sum: float


def tallies(engine: Engine, experiment_id: str, now: datetime) -> list[TallyRow]:
    """The sums over each variant's decisions, in the variants' order; all of one moment.

    Raises:
        ExperimentNotFound: there is none of that id.
    """
    parameters = {"experiment": experiment_id, "now": now}
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        rows = _dicts(cur, _TALLIES, parameters)
        metrics: dict[str, dict[str, tuple[int, float, float]]] = {}
        for variant, name, count, total, squares in cur.execute(_METRICS, parameters):
            metrics.setdefault(variant, {})[name] = (count, total, squares)
    if not rows:
        raise ExperimentNotFound(f"There is no experiment '{experiment_id}'.")
    return cast("list[TallyRow]", [{**row, "metrics": metrics.get(row["variant"], {})} for row in rows])


def timeline(engine: Engine, experiment_id: str, points: int = 60) -> list[TimelinePoint]:
    """Decisions and rewards of each variant up to each of ``points`` moments; the last is the last decision's.

    A reward belongs to the moment of its decision. Nothing for an experiment without decisions.
    """
    # Whether a reward may still come does not matter here, and so neither does the time.
    parameters = {"experiment": experiment_id, "now": datetime.max, "points": points}
    with transaction(engine) as connection, cursor(connection) as cur:
        return cast("list[TimelinePoint]", _dicts(cur, _TIMELINE, parameters))


def decision_log(engine: Engine, experiment_id: str, limit: int = 200_000) -> dict[str, Any]:
    """The latest ``limit`` decisions that count, the oldest first.

    Returns:
        ``variant`` (n,) place of the variant, ``reward`` (n,) scaled to 0..1, ``propensity`` (n,), and
        ``context``, a list of n mappings or None.
    """
    parameters = {"experiment": experiment_id, "now": datetime.max, "limit": limit}
    with transaction(engine) as connection, cursor(connection) as cur:
        rows = cur.execute(_LOG, parameters).fetchall()[::-1]
    places, rewards, propensities, contexts = zip(*rows, strict=True) if rows else ((), (), (), ())
    return {
        "variant": np.array(places, dtype=np.int64),
        "reward": np.array(rewards, dtype=float),
        "propensity": np.array(propensities, dtype=float),
        "context": list(contexts),
    }


def _dicts(cur: Cursor[TupleRow], query: Composed, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    return cur.connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()
