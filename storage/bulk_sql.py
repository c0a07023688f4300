"""The statements of :mod:`storage.bulk`, put together from the columns of the schema."""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy.dialects.postgresql.base import PGDialect

from storage.snapshot_schema import COUNTS, DESCRIPTION
from storage.tables import Base

_COMMA, _OR = SQL(", "), SQL(" or ")


def _type(table: str, column: str) -> Composable:
    return SQL(str(Base.metadata.tables[table].c[column].type.compile(dialect=PGDialect())))  # type: ignore[no-untyped-call]


def _names(names: list[str], pattern: str = "{}") -> Composable:
    """The columns ``names``, each put into ``pattern``, with commas between."""
    return _COMMA.join(SQL(pattern).format(*[Identifier(name)] * pattern.count("{}")) for name in names)


_TIMES = [f"{name}_at" for name in DESCRIPTION.names]
#: Whether a field that is brought goes before the one that is there.
_TAKES = SQL("coalesce(excluded.{time} <= videos.{time}, excluded.{time} is not null)")


def _described(pattern: str, between: SQL = _COMMA) -> Composable:
    """``pattern`` for each field of a description: its name, its time's, whether it is taken over."""
    return between.join(
        SQL(pattern).format(
            field=Identifier(field),
            time=Identifier(time),
            takes=_TAKES.format(time=Identifier(time)),
        )
        for field, time in zip(DESCRIPTION.names, _TIMES, strict=True)
    )


_columns: list[Composable] = [
    SQL("{} {}").format(Identifier(name), _type(table, name))
    for table, names in (
        ("engagement_snapshots", ["video_id", "taken_at", *COUNTS.names]),
        ("videos", DESCRIPTION.names),
    )
    for name in names
]
#: ``position`` keeps the order of arrival: of two rows with one key the later one wins.
STAGE = SQL(
    "create temporary table stage ({}, position bigint generated always as identity) on commit drop"
).format(_COMMA.join(_columns))
INDEX_STAGE = SQL("create index on stage (video_id, taken_at, position)")

CREATORS = SQL(
    """
    insert into creators (id, first_seen_at)
    select creator_id, min(taken_at) from stage where creator_id is not null
    group by creator_id order by creator_id
    on conflict (id) do update set first_seen_at = excluded.first_seen_at
    where excluded.first_seen_at < creators.first_seen_at
    """
)

#: Each field of a video's description is that of the earliest snapshot that has it, in whatever order snapshots
#: arrive; the same snapshot brought again may complete or correct it.
VIDEOS = SQL(
    """
    insert into videos (id, first_seen_at, {columns}, {times})
    select video_id, min(taken_at), {earliest}, {since}
    from stage
    group by video_id order by video_id
    on conflict (id) do update set
        first_seen_at = least(videos.first_seen_at, excluded.first_seen_at),
        {merged}, {merged_times}
    where excluded.first_seen_at < videos.first_seen_at or {differs}
    """
).format(
    columns=_names(DESCRIPTION.names),
    times=_names(_TIMES),
    earliest=_described(
        "(array_agg({field} order by taken_at, position desc) filter (where {field} is not null))[1]"
    ),
    since=_described("min(taken_at) filter (where {field} is not null)"),
    merged=_described("{field} = case when {takes} then excluded.{field} else videos.{field} end"),
    merged_times=_described("{time} = least(videos.{time}, excluded.{time})"),
    differs=_described(
        "({takes} and (excluded.{field}, excluded.{time}) is distinct from (videos.{field}, videos.{time}))",
        _OR,
    ),
)

#: -> (inserted, updated, distinct keys). ``xmax = 0`` holds for a row version that replaced none. Rows that are
#: there already are passed over beforehand, for even an upsert that changes nothing writes a lock to each; what
#: another import adds in the meantime meets the upsert's own condition.
SNAPSHOTS = SQL(
    """
    with latest as (
        select distinct on (video_id, taken_at) * from stage order by video_id, taken_at, position desc
    ), written as (
        insert into engagement_snapshots as old (video_id, taken_at, {columns})
        select video_id, taken_at, {new}
        from latest as excluded left join engagement_snapshots as old using (video_id, taken_at)
        where old.views is null or {differs}
        order by video_id, taken_at
        on conflict (video_id, taken_at) do update set {merged}
        where {differs}
        returning xmax = 0 as is_new
    )
    select count(*) filter (where is_new), count(*) filter (where not is_new), (select count(*) from latest)
    from written
    """
).format(
    columns=_names(COUNTS.names),
    new=_names(COUNTS.names, "excluded.{}"),
    merged=_names(COUNTS.names, "{} = coalesce(excluded.{}, old.{})"),
    differs=_OR.join(
        SQL("coalesce(excluded.{0}, old.{0}) is distinct from old.{0}").format(Identifier(name))
        for name in COUNTS.names
    ),
)
