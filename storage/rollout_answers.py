"""What was answered while a rollout runs: how many by whom, how fast, and pairs of given and unseen answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

#: Pairs that are compared, and answers whose times are, the newest ones.
MOST_PAIRS, MOST_TIMED = 5000, 100_000
_SHARES = (0.5, 0.95, 0.99)
#: Families of which nothing keeps the answers but this table, those that were given with the unseen ones, and
#: only while a version is tried: the ids of both are of this table.
KEPT_WITH_UNSEEN = ("imagery", "sentiment", "topics", "entities")
#: Of a content that is published the ids are made of its own: when it was answered, ``at`` says. Elsewhere
#: ``at`` is of the question, and ids are of the moment of the answer.
_BY_TIME = ("moderation", *KEPT_WITH_UNSEEN)
_COUNTED = SQL("""
    select
      (select count(*) from {table} where model_version = %s and family = %s and {by} >= %s and {by} < %s),
      percentile_cont(%s::float8[]) within group (order by latency_ms)
    from (
      select latency_ms from {table} where model_version = %s and family = %s and {by} >= %s and {by} < %s
      order by {by} desc limit %s
    ) as newest
""")
_DECISIONS = SQL("select count(*), null from moderation_decisions where version = %s and at >= %s and at < %s")
_PAIRS = SQL("""
    select {given}, s.answer, s.entity_id from shadow_answers s
    join {table} p on p.id = s.id and p.{version} = %s
    where s.model_version = %s and s.family = %s and s.{by} >= %s and s.{by} < %s
    order by s.{by} desc limit %s
""")
_DECIDED = SQL("jsonb_build_object('decision', p.decision, 'scores', p.scores)")


@dataclass(frozen=True)
class VersionAnswers:
    """Answers of one version: how many, and percentiles (0.5, 0.95, 0.99) of the milliseconds that the newest
    took; empty where none was measured.
    """

    answers: int
    latency_ms: dict[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """One question's answer as it was given, and the shadow's."""

    given: dict[str, Any]
    unseen: dict[str, Any]
    entity: str | None


def first_id(at: datetime) -> UUID:
    """The least UUID of version 7 (RFC 9562) of that moment: ids of later answers are larger."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (0x2 << 62))


def given_answers(engine: Engine, family: str, version: str, start: datetime, end: datetime) -> VersionAnswers:
    """Answers that ``version`` gave in ``start <= t < end``."""
    if family == "moderation":
        return _one(engine, _DECISIONS, (version, start, end))
    table = "shadow_answers" if family in KEPT_WITH_UNSEEN else "predictions"
    return _of_table(engine, table, family, version, start, end)


def unseen_answers(engine: Engine, family: str, version: str, start: datetime, end: datetime) -> VersionAnswers:
    """Answers that ``version`` gave unseen to questions of ``start <= t < end``."""
    return _of_table(engine, "shadow_answers", family, version, start, end)


def answer_pairs(
    engine: Engine, family: str, version: str, champion: str, start: datetime, end: datetime
) -> list[Pair]:
    """Questions that ``champion`` answered and ``version`` was asked unseen, the newest ones."""
    decided = family == "moderation"
    table = "shadow_answers" if family in KEPT_WITH_UNSEEN else "predictions"
    by, span = _span(family, start, end)
    query = _PAIRS.format(
        given=_DECIDED if decided else SQL("p.answer"),
        table=Identifier("moderation_decisions" if decided else table),
        version=Identifier("version" if decided else "model_version"),
        by=by,
    )
    with transaction(engine) as connection, cursor(connection) as cur:
        return [Pair(*row) for row in cur.execute(query, (champion, version, family, *span, MOST_PAIRS))]


def _span(family: str, start: datetime, end: datetime) -> tuple[Identifier, tuple[Any, Any]]:
    """The column by which answers are of a span, and its bounds."""
    if family in _BY_TIME:
        return Identifier("at"), (start, end)
    return Identifier("id"), (first_id(start), first_id(end))


def _of_table(
    engine: Engine, table: str, family: str, version: str, start: datetime, end: datetime
) -> VersionAnswers:
    by, span = _span(family, start, end)
    its = (version, family, *span)
    query = _COUNTED.format(table=Identifier(table), by=by)
    return _one(engine, query, (*its, list(_SHARES), *its, MOST_TIMED))


def _one(engine: Engine, query: SQL | Composed, values: tuple[Any, ...]) -> VersionAnswers:
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, values).fetchone()
    count, latencies = found or (0, None)
    known = {} if not latencies else dict(zip(_SHARES, latencies, strict=True))
    return VersionAnswers(int(count), {share: float(each) for share, each in known.items() if each is not None})
