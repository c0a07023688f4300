"""Outcomes of clips with what was known when they were shown, for the CTR family."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Cursor
from psycopg.sql import SQL, Composable, Identifier, Literal
from sqlalchemy import Engine

from storage import tables
from storage.clips import FIELDS, WHO, history_fields
from storage.copying import copy_out, cursor
from storage.ctr_history import SETTLED, past
from storage.ctr_predictions import AHEAD, ASKED_WITHIN, IN_TIME, join_outcomes
from storage.database import transaction

TIME = pa.timestamp("us", tz="UTC")
_ARROW = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), datetime: TIME}
_CLIP = [
    pa.field(column.name, _ARROW[column.type.python_type])
    for column in tables.Clip.__table__.columns
    if column.name in FIELDS
]
#: One final outcome, its clip as it was known when the span began, and what was predicted of it before.
_READ = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("revision", pa.int64(), nullable=False),
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("started_at", TIME, nullable=False),
        pa.field("ended_at", TIME, nullable=False),
        pa.field("known_at", TIME, nullable=False),
        ("placement", pa.string()),
        ("audience", pa.string()),
        ("device", pa.string()),
        pa.field("impressions", pa.int64(), nullable=False),
        pa.field("clicks", pa.int64(), nullable=False),
        pa.field("clip_known", pa.bool_(), nullable=False),
        *_CLIP,
        ("predicted_ctr", pa.float64()),
        ("predicted_version", pa.string()),
    ]
)
_COUNTS = [pa.field(f"{who}_{count}", pa.int64()) for who in WHO for count in ("impressions", "clicks")]
OUTCOMES = pa.schema([*_READ, *_COUNTS])

UNKNOWN_CLIP, NOT_SHOWN = "clip not known yet", "never shown"


def read(engine: Engine, start: datetime, end: datetime, *, options: Any) -> dict[str, Any]:
    """What became final in ``start <= t < end``, by ``options.maturity`` (both with time zone).

    Returns:
        ``outcomes``: columns of ``OUTCOMES``, in order of key: of each key the greatest revision that was final
        by ``end``, if it became so in the window. ``known_at`` is when it became final. Fields of the clip and
        counts of the past are those of ``started_at``.
        ``left_out``: how many outcomes have a clip that was described only after their span began (what was
        known of it then cannot be told), or no impression and none before.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        # One instant for all of it, whatever is written meanwhile.
        cur.execute("set transaction isolation level repeatable read, read only")
        cur.execute("set local work_mem = '256MB'")
        found = copy_out(cur, _outcomes(start, end, options), _READ)
        shown = pc.or_(pc.greater(found["impressions"], 0), pc.greater(found["revision"], 1))
        known = found.filter(pc.and_(found["clip_known"], shown))
        counted = _with_history(cur, known, options)
    left_out = {
        UNKNOWN_CLIP: found.filter(pc.and_(pc.invert(found["clip_known"]), shown)).num_rows,
        NOT_SHOWN: found.filter(pc.invert(shown)).num_rows,
    }
    return {"outcomes": counted, "left_out": left_out}


def after_collect(engine: Engine, start: datetime, end: datetime, *, options: Any) -> dict[str, int]:
    """Join what became final in ``start <= t < end`` to the predictions that were about it."""
    return {"predictions": join_outcomes(engine, start, end, options.maturity)}


def _with_history(cur: Cursor[Any], found: pa.Table, options: Any) -> pa.Table:
    moments = found["started_at"].to_pylist()
    columns = list(found.columns)
    for who in WHO:
        names = found["clip_id" if who == "clip" else f"{who}_id"].to_pylist()
        latest = max(moments, default=None)
        counts: list[dict[str, int | None]] = []
        if latest is not None:
            known = past(cur, who, names, latest, options.maturity)
            counts = [
                history_fields(who, known.at(name, moment)) for name, moment in zip(names, moments, strict=True)
            ]
        columns += [
            pa.array([row[f"{who}_{count}"] for row in counts], pa.int64())
            for count in ("impressions", "clicks")
        ]
    return pa.table(columns, schema=OUTCOMES)


def _outcomes(start: datetime, end: datetime, options: Any) -> Composable:
    values = {
        "maturity": options.maturity, "start": start, "end": end, "ahead": AHEAD, "asked_within": ASKED_WITHIN,
    }  # fmt: skip
    return _filled(
        """
        select o.key, o.revision, o.clip_id, o.started_at, o.ended_at, {settled} as known_at,
            o.placement, o.audience, o.device, o.impressions, o.clicks,
            c.id is not null as clip_known, {fields},
            p.predicted_ctr, p.model_version as predicted_version
        from clip_outcomes o
        left join lateral (
            select * from clips c where c.id = o.clip_id and c.known_at <= o.started_at
            order by c.known_at desc limit 1
        ) c on true
        left join lateral (
            select p.predicted_ctr, p.model_version from ctr_predictions p
            where p.clip_id = o.clip_id and p.at <= o.started_at and p.at > o.started_at - {ahead}
                and (p.placement is null or p.placement = o.placement)
                and (p.audience is null or p.audience = o.audience)
                and (p.device is null or p.device = o.device)
                and {in_time}
            order by p.at desc, p.id desc limit 1
        ) p on true
        where (o.ended_at >= {start} - {maturity} or o.known_at >= {start})
            and o.ended_at < {end} - {maturity} and o.known_at < {end} and {settled} >= {start}
            and not exists (
                select from clip_outcomes n where n.key = o.key and n.revision > o.revision
                    and n.ended_at < {end} - {maturity} and n.known_at < {end})
        order by o.key
        """,
        values,
    )


def _filled(text: str, values: dict[str, Any]) -> Composable:
    """``text`` with the values as literals: COPY takes no parameters."""
    literals: dict[str, Composable] = {name: Literal(value) for name, value in values.items()}
    return SQL(text).format(
        **literals,
        settled=_named(SETTLED, literals),
        in_time=_named(IN_TIME, literals),
        fields=SQL(", ").join(SQL("c.{}").format(Identifier(name)) for name in FIELDS),
    )


def _named(part: SQL, literals: dict[str, Composable]) -> Composable:
    """A part of a statement with ``%(name)s`` as literals."""
    text = part.as_string()
    for name in literals:
        text = text.replace(f"%({name})s", f"{{{name}}}")
    return SQL(text).format(**{name: each for name, each in literals.items() if f"{{{name}}}" in text})
