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

#: A video's description is that of its earliest described snapshot, in whatever order snapshots arrive; the
#: same snapshot brought again may complete it.
VIDEOS = SQL(
    """
    insert into videos (id, first_seen_at, described_at, {columns})
    select seen.video_id, seen.first_seen_at, described.taken_at, {described}
    from (select video_id, min(taken_at) as first_seen_at from stage group by video_id) as seen
    left join (
        select distinct on (video_id) * from stage where num_nonnulls({columns}) > 0
        order by video_id, taken_at, position desc
    ) as described using (video_id)
    order by seen.video_id
    on conflict (id) do update set
        first_seen_at = least(videos.first_seen_at, excluded.first_seen_at),
        described_at = least(videos.described_at, excluded.described_at),
        {merged}
    where excluded.first_seen_at < videos.first_seen_at
        or (excluded.described_at is not null and videos.described_at is null)
        or excluded.described_at < videos.described_at
        or (excluded.described_at = videos.described_at and ({differs}))
    """
).format(
    columns=_names(DESCRIPTION.names),
    described=_names(DESCRIPTION.names, "described.{}"),
    merged=_names(
        DESCRIPTION.names,
        """{} = case
            when videos.described_at is null or excluded.described_at < videos.described_at then excluded.{}
            when excluded.described_at = videos.described_at then coalesce(excluded.{}, videos.{})
            else videos.{} end""",
    ),
    differs=_OR.join(
        SQL("coalesce(excluded.{0}, videos.{0}) is distinct from videos.{0}").format(Identifier(name))
        for name in DESCRIPTION.names
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
