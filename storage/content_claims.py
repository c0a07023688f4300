"""Work on contents: claimed for a while, given back, given up, and asked for again.

A claim ends by itself, so that what a dead worker had is due again. What only kills its workers is told by that
they say nothing: it has tries, and no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg.sql import SQL
from sqlalchemy import Engine

from storage.contents import SELECTED, StoredContent
from storage.copying import cursor, rows_of
from storage.database import transaction
from storage.rows import storable

#: Work on one revision is tried so often, with a pause that begins with this and doubles.
TRIES, PAUSE = 4, timedelta(seconds=60)
#: For so long nobody else gets what one worker has claimed. The pauses after a failure are counted with it.
LEASE = timedelta(minutes=10)
#: What is kept with a content over which nobody could say what went wrong.
DIED = "its worker died at each try"


def claim_due(engine: Engine, *, limit: int, at: datetime, silent: bool | None = None) -> list[StoredContent]:
    """Take up to ``limit`` contents that are due, the oldest first; for ``LEASE`` nobody else gets them.

    One whose worker died is due again when its lease is over. One that failed waits (see :func:`fail`). What
    the worker before said of it is forgotten, so that a worker that says nothing is known by that.

    Args:
        engine: the platform's database.
        limit: how many at most.
        at: now, UTC.
        silent: True: only those whose last worker said nothing, since it died over them or beside them; False:
            only the others; None: all. A video that only waits for its frames is one of the others.
    """
    query = SQL(
        """
        update contents set claimed_at = %(at)s, attempts = attempts + 1, error = null
        where id in (
            select id from contents
            where (moderated_revision < revision or analyzed_revision < revision)
                and (claimed_at is null or claimed_at < %(before)s) and attempts < %(tries)s
                and (%(silent)s::boolean is null or %(silent)s = (
                    attempts > 0 and error is null and (analyzed_revision < revision or video is null)))
            order by received_at, id limit %(limit)s for update skip locked)
        returning {}
        """
    ).format(SELECTED)
    values = {"at": at, "before": at - LEASE, "tries": TRIES, "limit": limit, "silent": silent}
    with transaction(engine) as connection, rows_of(connection, StoredContent) as cur:
        found: list[StoredContent] = cur.execute(query, values).fetchall()
    return sorted(found, key=lambda one: (one.received_at, one.id))


def in_hand(engine: Engine, *, at: datetime) -> int:
    """How many contents are claimed and not done yet. Videos that only wait for their frames do not count."""
    query = """
        select count(*) from contents
        where (analyzed_revision < revision or (moderated_revision < revision and video is null))
            and claimed_at >= %s and error is null
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, (at - LEASE,)).fetchone()
    return int(found[0]) if found else 0


def fail(
    engine: Engine, contents: Sequence[StoredContent], error: str, at: datetime, *, tried: bool = True
) -> list[StoredContent]:
    """Give claimed contents back: each is due again after a pause that doubles, until its tries are used up.

    One that was described anew since, or that another worker has by now, is left alone.

    Args:
        engine: the platform's database.
        contents: each as it was when work on it began.
        error: why.
        at: now, UTC.
        tried: whether this counts as a try; not so where nothing could be tried yet.

    Returns:
        Those whose tries are used up: nobody takes them up again by itself.
    """
    query = SQL(
        """
        update contents set error = %(error)s,
            attempts = case when %(tried)s then attempts else greatest(attempts - 1, 0) end,
            claimed_at = %(at)s - %(lease)s + %(pause)s * power(2, greatest(attempts - 1, 0))
        from unnest(%(ids)s::text[], %(revisions)s::bigint[], %(claims)s::timestamptz[])
            as held (name, of_revision, of_claim)
        where id = name and revision = of_revision and claimed_at is not distinct from of_claim
        returning {}
        """
    ).format(SELECTED)
    values = {
        "ids": [one.id for one in contents], "revisions": [one.revision for one in contents],
        "claims": [one.claimed_at for one in contents], "error": storable(error)[:2000], "at": at,
        "lease": LEASE, "pause": PAUSE, "tried": tried,
    }  # fmt: skip
    with transaction(engine) as connection, rows_of(connection, StoredContent) as cur:
        found: list[StoredContent] = cur.execute(query, values).fetchall()
    return [one for one in found if one.attempts >= TRIES]


def give_up_analysis(engine: Engine, one: StoredContent, error: str) -> None:
    """Keep why the analysis of this revision is given up, where nobody has analyzed it after all: a decision
    that a person or a model makes of it meanwhile clears the error.
    """
    query = """
        update contents set error = %s where id = %s and revision = %s and analyzed_revision < revision
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(query, (storable(error)[:2000], one.id, one.revision))


def end_left_over_analyses(engine: Engine, *, limit: int, at: datetime) -> list[str]:
    """Give up the analysis of contents whose workers died over it each time; their ids. No code looks at them
    again by itself, also no simple one: it is not known what they die of.
    """
    query = """
        update contents set error = %(error)s
        where id in (
            select id from contents
            where analyzed_revision < revision and attempts >= %(tries)s and error is null
                and claimed_at < %(before)s
            order by received_at, id limit %(limit)s for update skip locked)
        returning id
    """
    values = {"error": DIED, "before": at - LEASE, "tries": TRIES, "limit": limit}
    with transaction(engine) as connection, cursor(connection) as cur:
        return [str(row[0]) for row in cur.execute(query, values).fetchall()]


def claim_left_over(engine: Engine, *, limit: int, at: datetime) -> list[StoredContent]:
    """Take contents whose tries are used up though nobody decided: their workers died over them each time.

    They are for people. One whose video is still to be looked at is not among them.
    """
    query = SQL(
        """
        update contents set claimed_at = %(at)s
        where id in (
            select id from contents c
            where moderated_revision < revision and attempts >= %(tries)s and claimed_at < %(before)s
                and not exists (
                    select from media_jobs j where j.content_id = c.id and j.kind = 'moderate-video'
                        and j.state in ('queued', 'running'))
            order by received_at, id limit %(limit)s for update skip locked)
        returning {}
        """
    ).format(SELECTED)
    values = {"at": at, "before": at - LEASE, "tries": TRIES, "limit": limit}
    with transaction(engine) as connection, rows_of(connection, StoredContent) as cur:
        return cur.execute(query, values).fetchall()


def ask_again(
    engine: Engine, ids: Sequence[str], at: datetime, *, kind: str | None = None, moderate: bool, analyze: bool
) -> list[StoredContent]:
    """Have contents looked at again whatever was tried before, and claim them for whoever asks.

    Args:
        engine: the platform's database.
        ids: which; of another ``kind`` they are left alone.
        at: now, UTC.
        kind: only contents of this kind; None: of any.
        moderate: whether their moderation is wanted again; their status stays until it is there.
        analyze: whether their analysis is wanted again.

    Returns:
        Those that there are.
    """
    query = SQL(
        """
        update contents set claimed_at = %(at)s, attempts = 1, error = null,
            moderated_revision = case when %(moderate)s then 0 else moderated_revision end,
            analyzed_revision = case when %(analyze)s then 0 else analyzed_revision end
        where id = any(%(ids)s) and (%(kind)s::text is null or kind = %(kind)s) returning {}
        """
    ).format(SELECTED)
    values = {
        "ids": [storable(one) for one in ids], "at": at, "kind": kind, "moderate": moderate, "analyze": analyze,
    }  # fmt: skip
    with transaction(engine) as connection, rows_of(connection, StoredContent) as cur:
        return cur.execute(query, values).fetchall()
