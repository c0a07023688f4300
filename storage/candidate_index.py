"""Writing the index of candidates: what a day's collection found, and a new order of those that wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, NamedTuple

import orjson
from psycopg import Cursor
from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy import Engine

from storage.candidate_rows import ASIDE, WAITING, IndexRow
from storage.copying import cursor
from storage.database import database_errors, transaction

#: From so many changed rows on, the table is made ready for reading at once, and not when the server has time.
MANY_ROWS = 1000


class Waiting(NamedTuple):
    """What the order of a candidate depends on, and what the order is now."""

    id: int
    candidate: str
    entity: str | None
    label: str | None
    margin: float | None
    rank: float
    cluster: str


def index_candidates(engine: Engine, family: str, day: date, dataset: str, rows: Iterable[IndexRow]) -> int:
    """Make the index say of ``day`` what ``rows`` say; returns how many rows changed.

    What an admin has decided stays decided, also where the row was not here then. A candidate that waits gets a
    new revision where what is shown of it changed, so that nobody confirms what they have not seen; one no
    longer among ``rows`` is removed.
    One that is there already keeps its place until :func:`rerank`. Doing it again changes nothing.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    values = {"family": family, "day": day, "dataset": dataset, "open": [WAITING, ASIDE]}
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(_STAGE)
        _stage(cur, rows)
        # whatever the plan, no row is compared with every other one
        cur.execute("create index on stage_candidates (candidate)")
        cur.execute("analyze stage_candidates")
        cur.execute(_LOCK, values)
        removed = cur.execute(_REMOVE, values).rowcount
        changed = removed + cur.execute(_UPSERT, values).rowcount
        cur.execute("drop table stage_candidates")
    if changed >= MANY_ROWS:
        tidy(engine)
    return changed


def tidy(engine: Engine) -> None:
    """Bring statistics and visibility of the table up to date: the queue is then read off its index alone."""
    with database_errors(engine), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
            "vacuum (analyze) candidates"
        )


def waiting(engine: Engine, family: str) -> list[Waiting]:
    """All candidates of ``family`` that nobody has decided about, with what their order depends on."""
    query = "select id, candidate, entity, label, margin, rank, cluster from candidates"
    query += " where family = %s and state = 'waiting' order by id"
    with transaction(engine) as connection, cursor(connection) as cur:
        return [Waiting(*row) for row in cur.execute(query, (family,)).fetchall()]


def rerank(
    engine: Engine, family: str, ids: Sequence[int], ranks: Sequence[float], clusters: Sequence[str]
) -> int:
    """Put candidates in another place of the order; returns how many moved. Their revisions stay."""
    arrays = {"family": family, "ids": list(ids), "ranks": list(ranks), "clusters": list(clusters)}
    with transaction(engine) as connection, cursor(connection) as cur:
        moved = cur.execute(_RERANK, arrays).rowcount
    if moved >= MANY_ROWS:
        tidy(engine)
    return moved


def _stage(cur: Cursor[Any], rows: Iterable[IndexRow]) -> None:
    with cur.copy(SQL("copy stage_candidates ({}) from stdin").format(_joined("{}"))) as copy:
        for row in rows:
            record = row.__dict__ | {"values": orjson.dumps(dict(row.values)).decode()}
            copy.write_row([record[name] for name in NAMES])


NAMES = tuple(field.name for field in fields(IndexRow))


def _joined(pattern: str, names: Sequence[str] = NAMES) -> Composable:
    return SQL(", ").join(SQL(pattern).format(*[Identifier(name)] * pattern.count("{}")) for name in names)


#: What an admin sees: where one of these changes, a page that was opened before is out of date.
_SHOWN = ("label", "confidence", "flag", "set_aside", "image", "values")
#: What a row that is there takes over; its place in the order is :func:`rerank`'s.
_KEPT = ("day", "dataset", *(name for name in NAMES if name not in ("candidate", "rank", "cluster")))
#: Of a decision that was made before its row was here (on the command line, or before there was an index).
_DECISION = ("corrected_label", "decided_by", "decided_at")
_STAGE = """
    create temporary table stage_candidates on commit drop as
    select candidate, entity, label, confidence, margin, flag, kind, set_aside, image, "values", rank, cluster
    from candidates limit 0
"""
_LOCK = """
    select id from candidates where id in (
        select id from candidates where family = %(family)s and day = %(day)s
        union all
        select c.id from candidates c join stage_candidates using (candidate) where c.family = %(family)s
    ) order by id for update
"""
_REMOVE = """
    delete from candidates c where family = %(family)s and day = %(day)s and state = any(%(open)s)
    and not exists (select from stage_candidates s where s.candidate = c.candidate)
"""
_UPSERT = SQL(
    """
    with decided as (
        select distinct on (candidate) candidate, decision, {decision} from reviews
        where family = %(family)s and candidate in (select candidate from stage_candidates)
        order by candidate, decided_at desc, id desc
    )
    insert into candidates (family, day, dataset, {names}, state, {decision}, revision)
    select %(family)s, %(day)s, %(dataset)s, {staged},
        coalesce(d.decision, case when s.set_aside then 'aside' else 'waiting' end), {decision}, 0
    from stage_candidates s left join decided d on d.candidate = s.candidate and d.decision <> 'withdraw'
    order by s.rank, s.cluster, s.candidate
    on conflict (family, candidate) do update set
        {taken}, {decided},
        revision = candidates.revision
            + (candidates.state = any(%(open)s) and ({shown}) is distinct from ({shown_now}))::int
    where ({kept}) is distinct from ({kept_now})
    """
).format(
    names=_joined("{}"),
    staged=_joined("s.{}"),
    decision=_joined("{}", _DECISION),
    decided=_joined(
        "{} = case when candidates.state = any(%(open)s) then excluded.{} else candidates.{} end",
        ("state", *_DECISION),
    ),
    taken=_joined("{} = excluded.{}", _KEPT),
    shown=_joined("candidates.{}", _SHOWN),
    shown_now=_joined("excluded.{}", _SHOWN),
    kept=_joined("candidates.{}", _KEPT),
    kept_now=_joined("excluded.{}", _KEPT),
)
_RERANK = """
    with place as (
        select * from unnest(%(ids)s::bigint[], %(ranks)s::float8[], %(clusters)s::text[])
            as p(id, rank, cluster)
    ), locked as (
        select c.id from candidates c join place using (id)
        where c.family = %(family)s and (c.rank, c.cluster) is distinct from (place.rank, place.cluster)
        order by c.id for update of c
    )
    update candidates c set rank = place.rank, cluster = place.cluster
    from place join locked using (id) where c.id = place.id
"""
