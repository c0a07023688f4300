"""Outcomes into the database, many at a time: COPY to a temporary table, then one statement a table.

All that is added before :meth:`OutcomeLoad.finish` goes in as one: it is there whole or not at all. What is
told of the past was known then: a clip from the beginning of its span on, counts from its end on. Only counts
that take the place of others are known from the moment of the import on, for until then the others were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa
from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from storage import tables
from storage.bulk import Loaded
from storage.clips import FIELDS
from storage.copying import copy_in, cursor
from storage.database import transaction

_KINDS = {str: "text", float: "float8", bool: "boolean", datetime: "timestamptz"}
_OUTCOME = {
    "key": 'text collate "C"', "clip_id": 'text collate "C"', "started_at": "timestamptz",
    "ended_at": "timestamptz", "placement": "text", "audience": "text", "device": "text",
    "impressions": "bigint", "clicks": "bigint",
}  # fmt: skip
_CLIP = {
    column.name: _KINDS[column.type.python_type]
    for column in tables.Clip.__table__.columns
    if column.name in FIELDS
}
#: What an import brings, in the order of the temporary table.
COLUMNS: tuple[str, ...] = (*_OUTCOME, *_CLIP)
_NEEDED = ("key", "clip_id", "started_at", "ended_at", "impressions", "clicks")


def _names(names: tuple[str, ...], pattern: str = "{}", between: str = ", ") -> Composed:
    return SQL(between).join(SQL(pattern).format(*[Identifier(name)] * pattern.count("{}")) for name in names)


#: ``position`` keeps the order of arrival: of two rows with one key the later one wins.
_STAGE = SQL(
    "create temporary table outcomes_stage ({}, position bigint generated always as identity) on commit drop"
).format(
    SQL(", ").join(
        SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in (_OUTCOME | _CLIP).items()
    )
)
#: Nobody else saves a clip meanwhile, so that no description is based on one that was just overtaken.
_LOCK = "lock table clips, clip_outcomes in share row exclusive mode"

#: Each field of a clip is what was last told of it by that moment: in the file, or else in the table. A row
#: that tells no news is not kept.
_CLIPS = SQL(
    """
    with told as (
        select distinct on (clip_id, started_at) clip_id, started_at, {fields}
        from outcomes_stage order by clip_id, started_at, position desc
    ), runs as (
        select clip_id, started_at, {fields}, {runs} from told
        window so_far as (partition by clip_id order by started_at)
    ), carried as (
        select clip_id, started_at, {carried} from runs
    ), merged as (
        select n.clip_id, n.started_at, {merged}
        from carried n left join lateral (
            select * from clips c where c.id = n.clip_id and c.known_at <= n.started_at
            order by c.known_at desc limit 1
        ) o on true
    ), news as (
        select m.*, row({fields}) as state,
            lag(row({fields})) over (partition by clip_id order by started_at) as before
        from merged m
    )
    insert into clips (id, known_at, {fields})
    select n.clip_id, n.started_at, {of_news} from news n
    where n.before is distinct from n.state and not exists (
        select from (
            select {fields} from clips c where c.id = n.clip_id and c.known_at <= n.started_at
            order by c.known_at desc limit 1
        ) c where row({of_old}) is not distinct from n.state
    )
    order by n.clip_id, n.started_at
    on conflict (id, known_at) do update set {excluded}
    """
).format(
    fields=_names(FIELDS),
    # the number of known values so far: the same for a value and the absent ones after it
    runs=SQL(", ").join(
        SQL("count({}) over so_far as {}").format(Identifier(name), Identifier(f"{name}_run"))
        for name in FIELDS
    ),
    carried=SQL(", ").join(
        SQL("max({field}) over (partition by clip_id, {run}) as {field}").format(
            field=Identifier(name), run=Identifier(f"{name}_run")
        )
        if _CLIP[name] != "boolean"
        else SQL("bool_or({field}) over (partition by clip_id, {run}) as {field}").format(
            field=Identifier(name), run=Identifier(f"{name}_run")
        )
        for name in FIELDS
    ),
    merged=_names(FIELDS, "coalesce(n.{}, o.{}) as {}"),
    of_news=_names(FIELDS, "n.{}"),
    of_old=_names(FIELDS, "c.{}"),
    excluded=_names(FIELDS, "{} = excluded.{}"),
)

_LATEST = """
    create temporary table outcomes_latest on commit drop as
    select s.*, o.revision, o.impressions as old_impressions, o.clicks as old_clicks,
        -- a device that nobody told yet may be told later
        (o.clip_id, o.started_at, o.ended_at, o.placement, o.audience, coalesce(o.device, s.device))
            is distinct from (s.clip_id, s.started_at, s.ended_at, s.placement, s.audience, s.device) as another
    from (select distinct on (key) * from outcomes_stage order by key, position desc) s
    left join lateral (
        select * from clip_outcomes o where o.key = s.key order by o.revision desc limit 1
    ) o on true
"""
_ANOTHER = "select key from outcomes_latest where revision is not null and another order by key limit 1"
#: -> (new, restated, all keys)
_OUTCOMES = """
    with written as (
        insert into clip_outcomes (key, revision, clip_id, started_at, ended_at, placement, audience, device,
            impressions, clicks, known_at)
        select key, coalesce(revision, 0) + 1, clip_id, started_at, ended_at, placement, audience, device,
            impressions, clicks, case when revision is null then ended_at else greatest(ended_at, %(as_of)s) end
        from outcomes_latest
        where revision is null or (impressions, clicks) is distinct from (old_impressions, old_clicks)
        order by key
        returning revision
    )
    select count(*) filter (where revision = 1), count(*) filter (where revision > 1),
        (select count(*) from outcomes_latest)
    from written
"""


class OutcomeLoad:
    """One load in the making; see :func:`outcome_load`."""

    def __init__(self, cur: Cursor[Any], as_of: datetime) -> None:
        self._cursor = cur
        self._as_of = as_of
        self._rows = 0
        cur.execute(_STAGE)

    def add(self, table: pa.Table) -> None:
        """Stage rows in the columns of ``COLUMNS``; absent columns are NULL.

        Raises:
            InputError: a column that does not exist, or no key, clip, span, impressions or clicks.
        """
        unknown = [name for name in table.column_names if name not in COLUMNS]
        if unknown:
            raise InputError(f"Outcomes have no column {', '.join(unknown)}.", hint=f"Columns: {COLUMNS}.")
        for name in _NEEDED:
            absent = table.num_rows if name not in table.column_names else table[name].null_count
            if absent:
                raise InputError(f"{absent} outcomes have no {name}.", hint="Every outcome needs one.")
        copy_in(self._cursor, "outcomes_stage", table)
        self._rows += table.num_rows

    def finish(self) -> Loaded:
        """Move what was staged into the tables, and count. The load is over with it.

        Raises:
            InputError: a key of the file stands for another clip, span, placement, audience or device already.
        """
        run = self._cursor.execute
        run("create index on outcomes_stage (clip_id, started_at, position)")
        run("create index on outcomes_stage (key, position)")
        run("analyze outcomes_stage")
        run(_LOCK)
        run(_CLIPS)
        run(_LATEST)
        another = run(_ANOTHER).fetchone()
        if another is not None:
            raise InputError(
                f"The key '{another[0]}' stands for another clip, span, placement, audience or device already.",
                hint="A key names one span of one clip for ever; give these rows keys of their own.",
            )
        inserted, updated, distinct = run(_OUTCOMES, {"as_of": self._as_of}).fetchone() or (0, 0, 0)
        run("drop table outcomes_stage, outcomes_latest")
        return Loaded(inserted, updated, distinct - inserted - updated, self._rows - distinct)


@contextmanager
def outcome_load(engine: Engine, keep: bool, as_of: datetime) -> Iterator[OutcomeLoad]:
    """A load in one transaction: nothing stays if the block raises, ends without ``finish``, or not ``keep``.

    Args:
        engine: the platform's database.
        keep: False: everything is tried, and nothing stays.
        as_of: the moment of the import.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
        DatabaseError: it refused the rows.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        yield OutcomeLoad(cur, as_of)
        if not keep:
            connection.rollback()


def load_outcomes(engine: Engine, table: pa.Table, as_of: datetime) -> Loaded:
    """Load ``table`` (columns of ``COLUMNS``); repeating it changes nothing.

    Raises as :meth:`OutcomeLoad.add`, :meth:`OutcomeLoad.finish` and :func:`outcome_load`.
    """
    with outcome_load(engine, True, as_of) as load:
        load.add(table)
        return load.finish()
