"""Counts of the past: how often clips, of a creator or an advertiser too, were shown and clicked by a moment.

A count is known from the moment on at which it is final: ``greatest(ended_at + maturity, known_at)``. A
restated count adds the difference to what it restates, at the moment it is final itself. A creator's counts are
those of the clips that were known as the creator's when the counts became final: what is learned later changes
no past moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any, Literal

from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier

Who = Literal["clip", "creator", "advertiser"]
#: (impressions, clicks), or None where nothing was ever counted.
Counts = tuple[int, int]

#: When a row of clip_outcomes is final.
SETTLED = SQL("greatest(o.ended_at + %(maturity)s, o.known_at)")

#: Revisions that another one has overtaken by the time they are final say nothing. What is left of each key are
#: differences between one count and the next, in the order of time. Most keys are never restated: those need no
#: order, and a large advertiser's are a million.
_CHANGES = SQL(
    """
    with revisions as materialized (
        select o.clip_id, o.key, o.revision, o.impressions, o.clicks, {settled} as settled
        from clip_outcomes o
        where o.clip_id in ({clips}) and o.ended_at <= %(until)s - %(maturity)s and o.known_at <= %(until)s
    ), restated as materialized (
        select distinct key from revisions where revision > 1
    ), overtaken as (
        select *, min(settled) over (
            partition by key order by revision rows between 1 following and unbounded following) as next_settled
        from revisions where key in (select key from restated)
    ), changes as (
        select clip_id, settled, impressions, clicks
        from revisions r where not exists (select from restated x where x.key = r.key)
        union all
        select clip_id, settled,
            impressions - lag(impressions, 1, 0::bigint) over by_key as impressions,
            clicks - lag(clicks, 1, 0::bigint) over by_key as clicks
        from overtaken where next_settled is null or next_settled > settled
        window by_key as (partition by key order by revision)
    )
    """
)
_OF_CLIPS = SQL(
    """
    {changes}
    select clip_id, settled, sum(impressions)::bigint, sum(clicks)::bigint
    from changes group by clip_id, settled order by clip_id, settled
    """
).format(changes=_CHANGES.format(settled=SETTLED, clips=SQL("select unnest(%(ids)s::text[])")))


def _of_owners(column: str) -> Composed:
    owner = Identifier(column)
    theirs = SQL("select id from clips where {} = any(%(ids)s::text[])").format(owner)
    return SQL(
        """
        {changes}, owned as (
            select id, {owner} as owner, known_at as since,
                lead(known_at) over (partition by id order by known_at) as until
            from clips where id in ({theirs})
        )
        select owner, settled, sum(impressions)::bigint, sum(clicks)::bigint
        from changes join owned on id = clip_id and settled >= since and (until is null or settled < until)
        where owner = any(%(ids)s::text[])
        group by owner, settled order by owner, settled
        """
    ).format(changes=_CHANGES.format(settled=SETTLED, clips=theirs), theirs=theirs, owner=owner)


_QUERIES: Mapping[Who, Composed] = {
    "clip": _OF_CLIPS,
    "creator": _of_owners("creator_id"),
    "advertiser": _of_owners("advertiser_id"),
}


@dataclass(frozen=True)
class Past:
    """Sums of counts by who they are of: moments in order, and the sums from each of them on."""

    moments: Mapping[str, Sequence[datetime]]
    sums: Mapping[str, Sequence[Counts]]

    def at(self, who: str | None, moment: datetime) -> Counts | None:
        """(impressions, clicks) that were final at ``moment``. Never fewer than none: what was counted too much
        of a clip that has changed hands goes off its new owner's counts.
        """
        found = self.moments.get(who) if who is not None else None
        place = bisect_right(found, moment) if found else 0
        if who is None or not place:
            return None
        impressions, clicks = self.sums[who][place - 1]
        return max(impressions, 0), min(max(clicks, 0), max(impressions, 0))


def past(cur: Cursor[Any], who: Who, ids: Iterable[str | None], until: datetime, maturity: timedelta) -> Past:
    """Counts of ``ids`` at every moment up to ``until``, in one query."""
    wanted = sorted({each for each in ids if each is not None})
    if not wanted:
        return Past({}, {})
    cur.execute(_QUERIES[who], {"ids": wanted, "until": until, "maturity": maturity})
    moments: dict[str, list[datetime]] = {}
    sums: dict[str, list[Counts]] = {}
    for name, rows in groupby(cur.fetchall(), key=itemgetter(0)):
        changes = list(rows)
        moments[name] = [row[1] for row in changes]
        sums[name] = list(
            accumulate(((row[2], row[3]) for row in changes), lambda a, b: (a[0] + b[0], a[1] + b[1]))
        )
    return Past(moments, sums)
