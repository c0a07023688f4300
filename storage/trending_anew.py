"""The sums of trending made anew of all events, by other statements than a tick's (storage/trending_sql.py)."""

from __future__ import annotations

from psycopg.sql import SQL

from storage.trending_sql import BUCKET, effect

#: Nobody reads these tables but who holds the lock.
EMPTY = (
    "truncate trend_contributions, trend_accounts, trend_overactive, trend_buckets, trend_windows",
    "delete from trend_lists",
)
ACCOUNTS = """
    insert into trend_accounts
    select user_id, case when items < 3 then 0 when low < high then 2 else 1 end
    from (
        select user_id, count(distinct item_id) as items, min(day) as low, max(day) as high
        from trend_new group by user_id
    ) u
"""
OVERACTIVE = """
    insert into trend_overactive
    select user_id, day from trend_new group by user_id, day having count(*) > %(daily_items)s
"""
CONTRIBUTIONS = """
    insert into trend_contributions (user_id, day, item_id, item_kind, at, region, value, level)
    select n.user_id, n.day, n.item_id, n.item_kind, n.at, n.region, n.value,
        case when o.day is not null then -1 else a.level end
    from trend_new n join trend_accounts a using (user_id) left join trend_overactive o using (user_id, day)
"""
BUCKETS = SQL(
    """
    insert into trend_buckets (bucket, item_id, item_kind, region, known, fresh, weight, fresh_weight)
    select bucket, item_id, item_kind, region, sum(known), sum(fresh), sum(weight), sum(fresh_weight)
    from (
        select {bucket} as bucket, item_id, item_kind, region, {effect} from trend_contributions
        where level >= 0
    ) c (bucket, item_id, item_kind, region, known, fresh, weight, fresh_weight)
    group by bucket, item_id, item_kind, region
    order by bucket, item_id, item_kind, region -- the index is then written from left to right
    """
).format(bucket=SQL(BUCKET.replace("{at}", "at")), effect=effect("level", "value"))
