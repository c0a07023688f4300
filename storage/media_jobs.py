"""Long work on media files: asked for, claimed by one worker at a time, told of while it runs, and ended."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from storage.content_tables import MEDIA_JOBS
from storage.copying import cursor, rows_of
from storage.database import transaction
from storage.rows import storable

#: Retries after the first try, and the pause before the first of them; it doubles.
RETRIES, PAUSE = 3, timedelta(seconds=60)
#: A worker that has not told of itself for so long is dead.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class StoredJob:
    """A job; the fields are those of :class:`storage.content_tables.MediaJob`."""

    id: UUID
    kind: str
    content_id: str | None
    creator_id: str | None
    source: str
    params: dict[str, Any]
    state: str
    progress: float
    attempts: int
    error: str | None
    result: dict[str, Any] | None
    requested_at: datetime
    next_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None


COLUMNS = tuple(one.name for one in fields(StoredJob))
_SELECTED = SQL(", ").join(map(Identifier, COLUMNS))


def request_job(
    engine: Engine,
    kind: str,
    source: str,
    *,
    content_id: str | None = None,
    creator_id: str | None = None,
    params: Mapping[str, Any] | None = None,
    at: datetime,
    id_: UUID | None = None,
    again: bool = False,
    hold: timedelta = timedelta(0),
) -> UUID:
    """Ask for a job; with the ``id_`` of one that is there, nothing changes, unless it has ended and is wanted
    ``again``.

    Args:
        engine: the platform's database.
        kind: ``moderate-video``, ``captions`` or ``thumbnails``.
        source: a key in the media bucket.
        content_id: the content that it belongs to.
        creator_id: whose it is.
        params: of the job.
        at: now, UTC.
        id_: of the job; None: a new one.
        again: a job of this id that has ended begins anew.
        hold: for so long it is not handed out, since who asks does it (:func:`take_job`).

    Raises:
        InputError: there is no such kind, or no source.
    """
    if kind not in MEDIA_JOBS:
        raise InputError(f"There is no job '{kind[:40]}'.", hint=f"Jobs: {', '.join(MEDIA_JOBS)}.")
    if not source or len(source) > 1024:
        raise InputError("source must be a key in the media bucket.")
    job = id_ or uuid.uuid4()
    values = {
        "id": job, "kind": kind, "content_id": storable(content_id), "creator_id": storable(creator_id),
        "source": storable(source), "params": orjson.dumps(storable(params or {})).decode(), "at": at,
        "hold": hold, "again": again,
    }  # fmt: skip
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(
            "insert into media_jobs (id, kind, content_id, creator_id, source, params, requested_at, next_at)"
            " values (%(id)s, %(kind)s, %(content_id)s, %(creator_id)s, %(source)s, %(params)s::jsonb, %(at)s,"
            " least(%(at)s, now()) + %(hold)s) on conflict (id) do update set state = 'queued', attempts = 0,"
            " progress = 0, error = null, result = null, finished_at = null,"
            " requested_at = excluded.requested_at, next_at = excluded.next_at"
            " where %(again)s and media_jobs.state in ('done', 'failed')",
            values,
        )
        cur.execute("select pg_notify('contents_due', '')")
    return job


def get_job(engine: Engine, job: UUID) -> StoredJob | None:
    """One job. Raises DatabaseUnavailable."""
    query = SQL("select {} from media_jobs where id = %s").format(_SELECTED)
    with transaction(engine) as connection, rows_of(connection, StoredJob) as cur:
        return cur.execute(query, (job,)).fetchone()


def jobs_of(engine: Engine, content_id: str) -> list[StoredJob]:
    """The jobs of a piece of content, the latest first."""
    query = SQL("select {} from media_jobs where content_id = %s order by requested_at desc, id").format(
        _SELECTED
    )
    with transaction(engine) as connection, rows_of(connection, StoredJob) as cur:
        return cur.execute(query, (storable(content_id),)).fetchall()


def hand_out(engine: Engine, *, limit: int, at: datetime, lease: timedelta = LEASE) -> list[StoredJob]:
    """Jobs that somebody should take now (:func:`take_job`), the longest due first; for ``lease`` they are not
    handed out again. One whose worker is dead is among them. Who takes one names its ``attempts`` of now.
    """
    query = SQL(
        """
        update media_jobs set next_at = %(until)s
        where id in (
            select id from media_jobs
            where next_at <= %(at)s and (
                state = 'queued' or (state = 'running' and heartbeat_at < %(before)s))
            order by next_at, id limit %(limit)s for update skip locked)
        returning {}
        """
    ).format(_SELECTED)
    values = {"at": at, "until": at + lease, "before": at - lease, "limit": limit}
    with transaction(engine) as connection, rows_of(connection, StoredJob) as cur:
        found: list[StoredJob] = cur.execute(query, values).fetchall()
    return sorted(found, key=lambda one: (one.requested_at, one.id))


def handed_out(engine: Engine, *, at: datetime) -> int:
    """How many jobs were handed out and wait for somebody to take them."""
    query = "select count(*) from media_jobs where state = 'queued' and next_at > %s and error is null"
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, (at,)).fetchone()
    return int(found[0]) if found else 0


def take_job(
    engine: Engine, job: UUID, *, at: datetime, lease: timedelta = LEASE, attempts: int | None = None
) -> StoredJob | None:
    """Take one job by its id, due or not; None where it is done, given up, or somebody works on it.

    Args:
        engine: the platform's database.
        job: its id.
        at: now, UTC.
        lease: a worker of which nothing was heard for so long is dead.
        attempts: as they were when the job was handed out; None also where it was tried since. A job that
            waits long is handed out again and again, and the runs that piled up would use up its tries one
            right after the other. None: whoever asks for it by hand does not wait.
    """
    query = SQL(
        """
        update media_jobs set state = 'running', attempts = attempts + 1, started_at = %(at)s,
            heartbeat_at = %(at)s, progress = 0
        where id = %(id)s and (state = 'queued' or (state = 'running' and heartbeat_at < %(before)s))
            and attempts = coalesce(%(attempts)s::integer, attempts)
        returning {}
        """
    ).format(_SELECTED)
    values = {"id": job, "at": at, "before": at - lease, "attempts": attempts}
    with transaction(engine) as connection, rows_of(connection, StoredJob) as cur:
        return cur.execute(query, values).fetchone()


def progress(engine: Engine, job: StoredJob, share: float, at: datetime) -> bool:
    """Tell how far a job is, and that its worker lives; False: it is not this worker's any more."""
    query = (
        "update media_jobs set progress = %s, heartbeat_at = %s"
        " where id = %s and state = 'running' and attempts = %s and started_at = %s"
    )
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(query, (min(1.0, max(0.0, share)), at, job.id, job.attempts, job.started_at))
        return cur.rowcount == 1


def finish(engine: Engine, job: StoredJob, result: Mapping[str, Any], at: datetime) -> bool:
    """Keep what a job came to, and tell the product; False: somebody else has taken the job."""
    query = """
        with done as (
            update media_jobs set state = 'done', progress = 1, result = %(result)s::jsonb, error = null,
                finished_at = %(at)s, heartbeat_at = %(at)s
            where id = %(id)s and state = 'running' and attempts = %(attempts)s and started_at = %(started)s
            returning id, kind, content_id, creator_id, result
        )
        insert into webhook_deliveries (event, content_id, payload, created_at, next_at)
        select 'media.done', content_id, jsonb_build_object('job_id', id, 'job', kind,
            'content_id', content_id, 'creator_id', creator_id, 'result', result,
            'at', %(at)s::timestamptz), %(at)s, least(%(at)s, now())
        from done returning 1
    """
    values = {
        "result": orjson.dumps(storable(result), option=orjson.OPT_SERIALIZE_NUMPY).decode(), "at": at,
        "id": job.id, "attempts": job.attempts, "started": job.started_at,
    }  # fmt: skip
    with transaction(engine) as connection, cursor(connection) as cur:
        return cur.execute(query, values).fetchone() is not None


def exhausted(job: StoredJob) -> bool:
    """Whether the try that is under way is the last one."""
    return job.attempts > RETRIES


def worn_out(job: StoredJob) -> bool:
    """Whether the last try was before this one: no try told how it ended, since its worker died over it."""
    return job.attempts > RETRIES + 1


def fail_job(
    engine: Engine, job: StoredJob, error: str, at: datetime, *, for_good: bool = False,
    pause: timedelta = PAUSE, tried: bool = True,
) -> bool:  # fmt: skip
    """A try failed: the job is due again after a pause that doubles, or has failed for good.

    Args:
        engine: the platform's database.
        job: as it was claimed.
        error: what went wrong, a sentence.
        at: now, UTC.
        for_good: no later try can help, as with a broken file.
        pause: before the first retry.
        tried: False where it could not be begun: that counts as no try.

    Returns:
        Whether it has failed for good by this; the product is told then. False also where the job is not this
        worker's any more: then nothing changes.
    """
    ended = for_good or (tried and exhausted(job))
    values = {
        "error": storable(error)[:2000], "at": at, "id": job.id, "attempts": job.attempts,
        "started": job.started_at,
        "next": at + (pause * 2 ** max(job.attempts - 1, 0) if tried else pause),
        "left": job.attempts if tried else max(job.attempts - 1, 0),
    }  # fmt: skip
    retried = """
        update media_jobs set state = 'queued', error = %(error)s, next_at = %(next)s, attempts = %(left)s
        where id = %(id)s and state = 'running' and attempts = %(attempts)s and started_at = %(started)s
    """
    given_up = """
        with done as (
            update media_jobs set state = 'failed', error = %(error)s, finished_at = %(at)s
            where id = %(id)s and state = 'running' and attempts = %(attempts)s and started_at = %(started)s
            returning id, kind, content_id, creator_id, error
        )
        insert into webhook_deliveries (event, content_id, payload, created_at, next_at)
        select 'media.failed', content_id, jsonb_build_object('job_id', id, 'job', kind,
            'content_id', content_id, 'creator_id', creator_id, 'error', error,
            'at', %(at)s::timestamptz), %(at)s, least(%(at)s, now())
        from done
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(given_up if ended else retried, values)
        return ended and cur.rowcount == 1
