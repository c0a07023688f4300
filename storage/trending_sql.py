"""How the sums of trending follow the events: the statements of one tick.

An account counts once for an item and day, by the strongest thing that it did (``trend_contributions``), and
with a weight that follows from what is known of it (its ``level``):

====  =============================================================  =======  ==========================
 -1   it engaged with more items that day than a person can           nothing
  0   fewer than 3 items                                              1        counted apart, as ``fresh``
  1   3 items or more, all on one day                                 2        ``known``
  2   3 items or more, on several days                                4        ``known``
====  =============================================================  =======  ==========================

Where a level changes, the few contributions that were counted by the old one are counted anew. So the sums are
a function of the events, whatever the order and the pieces in which they came: ``storage/trending_anew.py``
makes the same ones by other statements. All sums are whole numbers, so that what is added and taken away again
leaves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from psycopg.sql import SQL, Composed, Literal

STAGE = """
    create temporary table trend_new (user_id text collate "C", day date, item_id text collate "C",
        item_kind text collate "C", at timestamptz, region text collate "C", value int) on commit drop;
    create temporary table trend_touched (user_id text collate "C", pruned boolean) on commit drop;
    create temporary table trend_levels (user_id text collate "C", level smallint, there boolean)
        on commit drop;
    create temporary table trend_moves (user_id text collate "C", day date, item_id text collate "C",
        item_kind text collate "C", at timestamptz, region text collate "C", value int, was smallint,
        level smallint) on commit drop;
    create temporary table trend_changes (bucket timestamptz, item_id text collate "C",
        item_kind text collate "C", region text collate "C", known int, fresh int, weight bigint,
        fresh_weight bigint) on commit drop;
    create temporary table trend_window_changes (hours smallint, item_id text collate "C",
        item_kind text collate "C", region text collate "C", known int, fresh int, weight bigint,
        fresh_weight bigint, known_before int) on commit drop
"""
UNSTAGE = """
    drop table trend_new, trend_touched, trend_levels, trend_moves, trend_changes, trend_window_changes
"""

BUCKET: LiteralString = "date_bin('15 minutes', {at}, '2000-01-01 00:00+00')"


def effect(level: LiteralString, value: LiteralString, sign: LiteralString = "") -> SQL:
    """What a contribution adds: known, fresh, weight, fresh_weight."""
    return SQL(
        f"{sign}(({level}) >= 1)::int, {sign}(({level}) = 0)::int, "
        f"{sign}(case {level} when 2 then 4 when 1 then 2 else 0 end)::bigint * {value}, "
        f"{sign}(({level}) = 0)::int::bigint * {value}"
    )


def engagement(weights: Mapping[str, float]) -> Composed:
    """What an event is worth, in thousandths; nothing for kinds that say no good of the item."""
    cases = [
        SQL("when {} then {}").format(Literal(kind), Literal(round(1000 * weight)))
        for kind, weight in sorted(weights.items())
        if weight > 0
    ]
    share = SQL("case kind when 'view' then coalesce(watch_share, 1) else 1 end")
    worth = SQL("case kind {} else 0 end").format(SQL(" ").join(cases)) if cases else SQL("0")
    return SQL("round({} * ({})::float8)::int").format(worth, share)


#: Events of transactions in [low, high), from the horizon on: the strongest of each account, item and day.
CONTRIBUTIONS = """
    select distinct on (user_id, day, item_id, item_kind)
        user_id, day, item_id, item_kind, at, region, value
    from (
        select user_id, (at at time zone 'UTC')::date as day, item_id, item_kind collate "C" as item_kind, at,
            coalesce(region, '') collate "C" as region, {engagement} as value
        from events where tx >= %(low)s and tx < %(high)s and at >= %(horizon)s
    ) e
    where value > 0
    order by user_id, day, item_id, item_kind, value desc, at, region
"""
NEW = "insert into trend_new {contributions}"

# ruff: noqa: S608 - only texts of this module are put together
_SAME = "c.user_id = n.user_id and c.day = n.day and c.item_id = n.item_id and c.item_kind = n.item_kind"
_BETTER = "(n.value > c.value or n.value = c.value and (n.at, n.region) < (c.at, c.region))"

#: A stronger or earlier one takes the place of what was counted.
REPLACED = SQL(
    "insert into trend_changes select {bucket}, c.item_id, c.item_kind, c.region, {effect} "
    f"from trend_new n join trend_contributions c on {_SAME} where c.level >= 0 and {_BETTER}"
).format(bucket=SQL(BUCKET.replace("{at}", "c.at")), effect=effect("c.level", "c.value", "-"))

ADDED = f"""
    insert into trend_contributions as c (user_id, day, item_id, item_kind, at, region, value, level)
    select user_id, day, item_id, item_kind, at, region, value, -1 from trend_new
    on conflict (user_id, day, item_id, item_kind) do update
    set at = excluded.at, region = excluded.region, value = excluded.value, level = -1
    where {_BETTER.replace("n.", "excluded.")}
"""

#: What came in, and what of it counts nothing: too old for any window, or of a kind that says no good.
SEEN = """
    select count(*), count(*) filter (where at < %(horizon)s),
        count(*) filter (where at >= %(horizon)s and {engagement} <= 0)
    from events where tx >= %(low)s and tx < %(high)s and (at >= %(horizon)s or %(low)s > 0)
"""
PRUNED = """
    with gone as (
        delete from trend_contributions where day < (%(horizon)s at time zone 'UTC')::date returning user_id
    )
    insert into trend_touched select distinct user_id, true from gone
"""
PRUNED_REST = (
    "delete from trend_overactive where day < (%(horizon)s at time zone 'UTC')::date",
    "delete from trend_buckets where bucket < %(horizon)s",
)
TOUCHED = """
    insert into trend_touched select distinct user_id, false from trend_new
    where user_id not in (select user_id from trend_touched)
"""
#: One that is known well is looked at again only when something of it went. Three look-ups find three items,
#: however many there are.
LEVELS = """
    insert into trend_levels
    select t.user_id, case when third.item_id is null then 0 when span.low < span.high then 2 else 1 end,
        one.item_id is not null
    from trend_touched t
    left join trend_accounts a on a.user_id = t.user_id
    cross join lateral (
        select min(day) as low, max(day) as high from trend_contributions c where c.user_id = t.user_id
    ) span
    left join lateral (
        select item_id from trend_contributions c where c.user_id = t.user_id limit 1
    ) one on true
    left join lateral (
        select item_id from trend_contributions c where c.user_id = t.user_id and item_id <> one.item_id limit 1
    ) two on true
    left join lateral (
        select item_id from trend_contributions c
        where c.user_id = t.user_id and item_id <> one.item_id and item_id <> two.item_id limit 1
    ) third on true
    where t.pruned or a.level is distinct from 2
"""
LEVELS_KEPT = (
    "delete from trend_accounts a using trend_levels l where a.user_id = l.user_id and not l.there",
    """
    delete from trend_levels l where not there
        or exists (select from trend_accounts a where a.user_id = l.user_id and a.level = l.level)
    """,
    """
    insert into trend_accounts (user_id, level) select user_id, level from trend_levels
    on conflict (user_id) do update set level = excluded.level
    """,
)
#: Days that have become too busy: all that was counted of them is looked at again.
OVERACTIVE = """
    with made as (
        insert into trend_overactive
        select user_id, day from (select distinct user_id, day from trend_new) n
        where (
            select count(*) from (
                select from trend_contributions c where c.user_id = n.user_id and c.day = n.day
                limit %(daily_items)s + 1
            ) c
        ) > %(daily_items)s
        on conflict do nothing returning user_id, day
    )
    insert into trend_new (user_id, day, item_id, item_kind)
    select c.user_id, c.day, c.item_id, c.item_kind
    from made join trend_contributions c on c.user_id = made.user_id and c.day = made.day
"""
#: What is counted otherwise from now on: what is new, and what is of accounts whose level changed.
MOVED = """
    insert into trend_moves
    select * from (
        select c.user_id, c.day, c.item_id, c.item_kind, c.at, c.region, c.value, c.level as was,
            case when o.day is not null then -1 else a.level end as level
        from (
            select user_id, day, item_id, item_kind from trend_new
            union
            select c.user_id, c.day, c.item_id, c.item_kind
            from trend_levels l join trend_contributions c on c.user_id = l.user_id
        ) n
        join trend_contributions c using (user_id, day, item_id, item_kind)
        join trend_accounts a using (user_id)
        left join trend_overactive o using (user_id, day)
    ) m where was <> level
"""
MOVED_KEPT = f"""
    update trend_contributions c set level = n.level from trend_moves n where {_SAME}
"""
MOVED_OUT, MOVED_IN = (
    SQL(
        "insert into trend_changes select {bucket}, item_id, item_kind, region, {effect} from trend_moves"
    ).format(bucket=SQL(BUCKET.replace("{at}", "at")), effect=counted)
    for counted in (effect("was", "value", "-"), effect("level", "value"))
)
BUCKETS = (
    """
    insert into trend_buckets as b (bucket, item_id, item_kind, region, known, fresh, weight, fresh_weight)
    select bucket, item_id, item_kind, region, sum(known), sum(fresh), sum(weight), sum(fresh_weight)
    from trend_changes group by bucket, item_id, item_kind, region
    having (sum(known), sum(fresh), sum(weight), sum(fresh_weight)) <> (0, 0, 0, 0)
    on conflict (bucket, item_id, item_kind, region) do update set known = b.known + excluded.known,
        fresh = b.fresh + excluded.fresh, weight = b.weight + excluded.weight,
        fresh_weight = b.fresh_weight + excluded.fresh_weight
    """,
    """
    delete from trend_buckets b using trend_changes c
    where (b.bucket, b.item_id, b.item_kind, b.region) = (c.bucket, c.item_id, c.item_kind, c.region)
        and b.known = 0 and b.fresh = 0
    """,
)

#: Buckets that a window gains or loses.
WINDOW_MOVE = """
    insert into trend_window_changes
    select %(hours)s, item_id, item_kind, region, %(now)s * sum(known), %(now)s * sum(fresh),
        %(now)s * sum(weight), %(now)s * sum(fresh_weight), %(before)s * sum(known)
    from trend_buckets where bucket >= %(low)s and bucket < %(high)s
    group by item_id, item_kind, region
"""
#: Changes of buckets that a window covers.
WINDOW_CHANGES = """
    insert into trend_window_changes
    select %(hours)s, item_id, item_kind, region,
        sum(known) filter (where bucket >= %(start)s), sum(fresh) filter (where bucket >= %(start)s),
        sum(weight) filter (where bucket >= %(start)s), sum(fresh_weight) filter (where bucket >= %(start)s),
        sum(known) filter (where bucket < %(start)s)
    from trend_changes where bucket >= %(before)s and bucket < %(end)s
    group by item_id, item_kind, region
"""
WINDOWS = (
    """
    insert into trend_windows as w (hours, item_id, item_kind, region, known, fresh, weight, fresh_weight,
        known_before)
    select hours, item_id, item_kind, region, coalesce(sum(known), 0), coalesce(sum(fresh), 0),
        coalesce(sum(weight), 0), coalesce(sum(fresh_weight), 0), coalesce(sum(known_before), 0)
    from (
        select * from trend_window_changes where region <> ''
        union all
        select hours, item_id, item_kind, '', known, fresh, weight, fresh_weight, known_before
        from trend_window_changes
    ) c
    group by hours, item_id, item_kind, region
    on conflict (hours, item_id, item_kind, region) do update set known = w.known + excluded.known,
        fresh = w.fresh + excluded.fresh, weight = w.weight + excluded.weight,
        fresh_weight = w.fresh_weight + excluded.fresh_weight,
        known_before = w.known_before + excluded.known_before
    where (excluded.known, excluded.fresh, excluded.weight, excluded.fresh_weight, excluded.known_before)
        <> (0, 0, 0, 0, 0)
    """,
    "delete from trend_windows where known = 0 and fresh = 0 and known_before = 0",
)

#: What a window gained and lost, in engagements of accounts.
CHANGED = """
    update trend_lists l set changed = changed + c.size
    from (
        select hours, sum(greatest(
            abs(coalesce(known, 0)) + abs(coalesce(fresh, 0)) + abs(coalesce(known_before, 0)),
            (coalesce(weight, 0) <> 0 or coalesce(fresh_weight, 0) <> 0)::int
        )) as size
        from trend_window_changes group by hours
    ) c where c.hours = l.hours
"""
#: Windows whose lists are to be made: those of which a hundredth has changed.
DUE = """
    select w.hours from unnest(%(hours)s::int[]) as w (hours) left join trend_lists l on l.hours = w.hours
    where l.hours is null or l.changed > 0 and l.changed * 100 >= l.total
"""
LISTED = """
    insert into trend_lists (hours, as_of, total, changed)
    select h.hours, %(as_of)s, coalesce(sum(known + fresh + known_before), 0), 0
    from unnest(%(hours)s::int[]) as h (hours)
        left join trend_windows w on w.hours = h.hours and w.region = ''
    group by h.hours
    on conflict (hours) do update set as_of = excluded.as_of, total = excluded.total, changed = 0
"""

#: For the lists: what may be in one, or may be judged.
COUNTS = SQL(
    """
    select w.hours, w.region, w.item_kind, w.item_id, i.category, i.language, w.known, w.fresh, w.weight,
        w.fresh_weight, w.known_before
    from trend_windows w left join items i on i.id = w.item_id
    where w.hours = any({hours}) and i.removed_at is null
        and (w.known + w.fresh >= {min_accounts} or w.known + w.known_before >= {min_judged})
    """
)
TOTALS = """
    select hours, region, sum(known), sum(known_before) from trend_windows where hours = any(%(hours)s)
    group by hours, region
"""
