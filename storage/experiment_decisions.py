"""Decisions of experiments and their rewards into the database, many at a time, each exactly once.

One statement is one transaction: it writes the rows and adds them to the counts in ``experiment_variants``, so
that the counts are those of the rows at any moment, whoever is killed. Locks are taken in one order (the
experiments, then decisions by subject or id, then variants by position), so that several processes never wait
for each other in a circle. Who decides holds the experiment's row in share: a change of its state waits for the
decisions that are on their way, and none comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed
from sqlalchemy import Connection, Engine

from storage import experiment_sql
from storage.copying import cursor
from storage.database import database_errors, transaction
from storage.erasure import ForgottenPeople

#: An experiment that went on between two statements, or a row that another process gave up, is tried once more.
_ATTEMPTS = 3
#: A statement that waits longer, for a lock or a disk, is given up by the server.
STATEMENT_SECONDS = 2
_MARGIN_SECONDS = 0.5
Status = Literal["counted", "repeated", "conflict", "late", "unknown"]


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision that was drawn and is not on record yet.

    Attributes:
        id: a UUID; the same one again is the same decision.
        sticky: whether the subject's first decision stands; then ``subject_id`` is not None.
        propensity: the probability that the variant was drawn with, 0 < p <= 1.
        policy_version: of what the probabilities were made: see :mod:`serving.experiments.snapshot`.
    """

    id: str
    experiment_id: str
    variant: str
    subject_id: str | None
    sticky: bool
    at: datetime
    propensity: float
    context: Mapping[str, Any] | None
    policy_version: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is on record for a decision: itself, or (``repeated``) the one that its subject had before.

    ``refused`` is the experiment's state where that lets nothing be decided (``missing`` where there is none),
    or ``forgotten`` where the subject asked to be; then nothing is on record.
    """

    id: str
    variant: str
    propensity: float
    repeated: bool = False
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class NewReward:
    """A reward for a decision.

    Attributes:
        value: as it was sent; ``scaled`` is the same on the scale from 0 to 1.
        at: when it came about; it counts until ``window_seconds`` after its decision.
        metrics: of guard-rails, by name.
    """

    decision_id: str
    experiment_id: str
    value: float
    scaled: float
    at: datetime
    window_seconds: float
    metrics: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class RewardOutcome:
    """What became of a reward. ``value`` is the one on record: the first that came.

    ``counted``: it is now; ``repeated``: the same one was there; ``conflict``: another was there and stands;
    ``late``: after its window, kept and counted nowhere; ``unknown``: the experiment has no such decision.
    """

    status: Status
    variant: str | None = None
    value: float | None = None


def still_written_seconds() -> float:
    """How long decisions about somebody who was just forgotten may come on record: by who looked before."""
    return ForgottenPeople.LOOK_SECONDS + STATEMENT_SECONDS + _MARGIN_SECONDS


def any_decides(engine: Engine) -> bool:
    """Whether some experiment runs. Raises DatabaseUnavailable."""
    with transaction(engine) as connection, cursor(connection) as cur:
        return cur.execute("select from experiments where state = 'running' limit 1").fetchone() is not None


def record_decisions(
    source: Engine | Connection,
    rows: Sequence[NewDecision],
    *,
    forgotten: ForgottenPeople | None = None,
) -> list[Recorded]:
    """Commit ``rows``, those of experiments that run; of a sticky subject the first decision stands.

    To repeat the call with the same ids changes nothing, and answers alike.

    Args:
        source: the platform's database, or a connection of :func:`open_connection`.
        rows: decisions of any experiments.
        forgotten: tells of whom nothing is to be on record; None: nobody is looked for.

    Returns:
        One answer a row, in their order.

    Raises:
        DatabaseUnavailable: the server is away, or went away: whether ``rows`` are on record is not known then.
        DatabaseError: it refused; nothing is on record.
    """
    if not rows:
        return []
    with _statements(source) as cur:
        subjects = {row.subject_id for row in rows if row.subject_id is not None}
        nobody = forgotten.among(cur, subjects) if forgotten is not None else set()
        found: list[Recorded | None] = [
            _refused(row, "forgotten") if row.subject_id in nobody else None for row in rows
        ]
        for _ in range(_ATTEMPTS):
            open_places = [place for place, answer in enumerate(found) if answer is None]
            if not open_places:
                break
            _insert(cur, rows, found, open_places)
            open_places = [place for place in open_places if found[place] is None]
            if open_places:
                _look_up(cur, rows, found, open_places)
            if None not in found:
                break
    return [answer or _refused(row, "busy") for row, answer in zip(rows, found, strict=True)]


def _insert(
    cur: Cursor[TupleRow], rows: Sequence[NewDecision], found: list[Recorded | None], places: Sequence[int]
) -> None:
    chosen = [rows[place] for place in places]
    columns: list[list[Any]] = [
        [row.id for row in chosen],
        [row.experiment_id for row in chosen],
        [row.variant for row in chosen],
        [row.subject_id for row in chosen],
        [row.subject_id if row.sticky else None for row in chosen],
        [row.at for row in chosen],
        [row.propensity for row in chosen],
        [None if row.context is None else orjson.dumps(row.context).decode() for row in chosen],
        [row.policy_version for row in chosen],
    ]
    experiments = sorted({row.experiment_id for row in chosen})
    added = cur.execute(experiment_sql.DECIDE, [*columns, experiments], prepare=True)
    ids = {identity for (identity,) in added}
    for place, row in zip(places, chosen, strict=True):
        if row.id in ids:
            found[place] = Recorded(row.id, row.variant, row.propensity)


def _look_up(
    cur: Cursor[TupleRow], rows: Sequence[NewDecision], found: list[Recorded | None], places: Sequence[int]
) -> None:
    """Rows that were not added: on record already, of a subject that has a decision, or refused."""
    chosen = [rows[place] for place in places]
    parameters = (
        places,
        [row.id for row in chosen],
        [row.experiment_id for row in chosen],
        [row.subject_id if row.sticky else None for row in chosen],
    )
    for place, state, identity, variant, propensity in cur.execute(
        experiment_sql.DECIDED, parameters, prepare=False
    ):
        if identity is not None:
            repeated = identity != rows[place].id
            found[place] = Recorded(identity, variant, propensity, repeated)
        elif state != "running":
            found[place] = _refused(rows[place], state or "missing")


def _refused(row: NewDecision, state: str) -> Recorded:
    return Recorded(row.id, row.variant, row.propensity, refused=state)


def record_rewards(source: Engine | Connection, rows: Sequence[NewReward]) -> list[RewardOutcome]:
    """Commit ``rows``: of several for one decision the first stands, in this call and ever after.

    To repeat the call changes nothing; what was counted is then ``repeated``. A decision that taught a bandit
    already, as one without a reward, takes its reward as late.

    Returns:
        One outcome a row, in their order.

    Raises:
        DatabaseUnavailable: the server is away, or went away: whether ``rows`` are on record is not known then.
        DatabaseError: it refused; nothing is on record.
    """
    if not rows:
        return []
    firsts: dict[tuple[str, str], NewReward] = {}
    for row in rows:
        firsts.setdefault((row.decision_id, row.experiment_id), row)
    with _statements(source) as cur:
        done = _reward(cur, list(firsts.values()))
        others = {row.decision_id: row.experiment_id for key, row in firsts.items() if key not in done}
        stored = _rewarded(cur, others) if others else {}
    outcomes = []
    for row in rows:
        key = (row.decision_id, row.experiment_id)
        if key in done and firsts[key] is row:
            outcomes.append(done[key])
        else:
            outcomes.append(_compared(row, done.get(key) or stored.get(key)))
    return outcomes


def _reward(cur: Cursor[TupleRow], rows: Sequence[NewReward]) -> dict[tuple[str, str], RewardOutcome]:
    columns: list[list[Any]] = [
        [row.decision_id for row in rows],
        [row.experiment_id for row in rows],
        [row.value for row in rows],
        [row.scaled for row in rows],
        [row.at for row in rows],
        [row.window_seconds for row in rows],
        [orjson.dumps(row.metrics).decode() if row.metrics else None for row in rows],
    ]
    return {
        (identity, experiment): RewardOutcome("late" if late else "counted", variant, value)
        for identity, experiment, variant, late, value in cur.execute(
            experiment_sql.REWARD, columns, prepare=False
        )
    }


def _rewarded(cur: Cursor[TupleRow], wanted: Mapping[str, str]) -> dict[tuple[str, str], RewardOutcome]:
    """What is on record for decisions that took no reward now."""
    return {
        (identity, experiment): RewardOutcome("repeated", variant, value)
        for identity, experiment, variant, value in cur.execute(
            experiment_sql.REWARDED, (list(wanted), list(wanted.values())), prepare=False
        )
    }


def _compared(row: NewReward, stored: RewardOutcome | None) -> RewardOutcome:
    if stored is None:
        return RewardOutcome("unknown")
    return RewardOutcome("repeated" if stored.value == row.value else "conflict", stored.variant, stored.value)


def open_connection(engine: Engine) -> Connection:
    """A connection for many calls of the functions above; the caller closes it. Not thread-safe.

    Args:
        engine: the platform's database.

    Raises:
        DatabaseUnavailable: the server is away.
    """
    with database_errors(engine):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with cursor(connection) as cur:
                cur.execute(_planned("session"))
                cur.execute(f"set statement_timeout = {STATEMENT_SECONDS * 1000}")
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
    return connection


def _planned(scope: str) -> Composed:
    return experiment_sql.PLAN_BY_KEYS.format(*[SQL(scope)] * 3)


@contextmanager
def _statements(source: Engine | Connection) -> Iterator[Cursor[TupleRow]]:
    """A cursor: on an own connection each statement commits, on an engine's they commit together."""
    if isinstance(source, Connection):
        with database_errors(source.engine), cursor(source) as cur:
            yield cur
    else:
        with transaction(source) as connection, cursor(connection) as cur:
            cur.execute(_planned("local"))
            yield cur
