"""What a contextual bandit learned, and from which decisions: each teaches it exactly once.

The new state and the marks of the decisions that made it are one transaction, under a lock of the experiment:
of two learners one is turned away, and one that is killed in the middle has done nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL
from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import lock_key, transaction

_REWARDED = SQL(
    """
    select id::text, variant, propensity, context, reward from experiment_decisions
    where experiment_id = %s and learned = 0 and rewarded_at is not null
    order by rewarded_at, id limit %s
    """
)
_CLOSED = SQL(
    """
    select id::text, variant, propensity, context, reward from experiment_decisions
    where experiment_id = %s and at > %s and at <= %s and learned = 0
    order by at, id limit %s
    """
)
_MARK = SQL(
    """
    with chosen as (
      select id from experiment_decisions
      where id = any(%s::uuid[]) and learned = 0 order by id for no key update
    )
    update experiment_decisions d set learned = 1 from chosen where d.id = chosen.id
    """
)
#: A decision without a reward could have got one since it was read; then it is not what was learned.
_MARK_SILENT = SQL(
    """
    with chosen as (
      select id from experiment_decisions
      where id = any(%s::uuid[]) and learned = 0 and rewarded_at is null order by id for no key update
    )
    update experiment_decisions d set learned = 1 from chosen where d.id = chosen.id
    """
)
_KEEP = SQL(
    """
    insert into experiment_models (experiment_id, version, learned, model, updated_at)
    values (%s, 1, %s, %s, %s)
    on conflict (experiment_id) do update set
      version = experiment_models.version + 1, learned = experiment_models.learned + excluded.learned,
      model = excluded.model, updated_at = excluded.updated_at
    returning version, learned
    """
)


@dataclass(frozen=True)
class LoggedDecision:
    """A decision to learn from. ``reward`` is as it was sent; None: none came within the window."""

    id: str
    variant: str
    propensity: float
    context: Mapping[str, Any]
    reward: float | None


@dataclass(frozen=True)
class Learned:
    """What one call did: how many decisions taught, whether there are more, and what the model has come to."""

    decisions: int
    more: bool
    version: int
    total: int


#: (state so far or None, decisions) -> the new state
Teach = Callable[[bytes | None, Sequence[LoggedDecision]], bytes]


class _Changed(Exception):
    """A decision changed while it was learned from."""


def learn(
    engine: Engine,
    experiment_id: str,
    teach: Teach,
    *,
    now: datetime,
    closed: tuple[datetime, datetime] | None = None,
    limit: int = 5000,
) -> Learned | None:
    """Let ``teach`` learn from decisions that it has not seen, and keep what it came to, in one transaction.

    Args:
        engine: the platform's database.
        experiment_id: whose decisions.
        teach: learns; called at most once, and not at all where there is nothing to learn.
        now: goes with the model.
        closed: learn from the decisions made after the first and until the second time, with a reward or none;
            None: from every rewarded one.
        limit: most decisions.

    Returns:
        None where another process learns now, or a reward came in between: to be tried again later.

    Raises:
        DatabaseUnavailable, or what ``teach`` raises: nothing was learned then.
    """
    try:
        with transaction(engine) as connection, cursor(connection) as cur:
            key = lock_key(f"experiment-learning:{experiment_id}")
            if not _scalar(cur, "select pg_try_advisory_xact_lock(%s)", key):
                return None
            query, span = (_CLOSED, closed) if closed else (_REWARDED, ())
            rows = _read(cur, query, experiment_id, *span, limit)
            if not rows:
                return Learned(0, False, *_known(cur, experiment_id))
            state = _scalar(cur, "select model from experiment_models where experiment_id = %s", experiment_id)
            taught = teach(None if state is None else bytes(state), rows)
            _mark(cur, _MARK, [row for row in rows if row.reward is not None])
            _mark(cur, _MARK_SILENT, [row for row in rows if row.reward is None])
            kept = cur.execute(_KEEP, (experiment_id, len(rows), taught, now)).fetchone()
            version, total = kept or (0, 0)
            return Learned(len(rows), len(rows) == limit, version, total)
    except _Changed:
        return None


def _read(cur: Cursor[TupleRow], query: SQL, *parameters: Any) -> list[LoggedDecision]:
    return [
        LoggedDecision(identity, variant, propensity, context or {}, reward)
        for identity, variant, propensity, context, reward in cur.execute(query, parameters)
    ]


def _mark(cur: Cursor[TupleRow], query: SQL, rows: Sequence[LoggedDecision]) -> None:
    if cur.execute(query, ([row.id for row in rows],)).rowcount != len(rows):
        raise _Changed


def _known(cur: Cursor[TupleRow], experiment_id: str) -> tuple[int, int]:
    found = cur.execute(
        "select version, learned from experiment_models where experiment_id = %s", (experiment_id,)
    ).fetchone()
    return (found[0], found[1]) if found else (0, 0)


def _scalar(cur: Cursor[TupleRow], query: str, parameter: Any) -> Any:
    found = cur.execute(query, (parameter,)).fetchone()
    return found[0] if found else None
