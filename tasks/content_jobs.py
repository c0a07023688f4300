"""Work on content as Prefect tasks: handed out by the dispatcher, served by the content worker.

The rows in the database say what is due and how often it was tried; a task that is lost, doubled or late does
no harm. Tries are counted there (the first, and three more after 60, 120 and 240 s) and not by Prefect, so
that they outlive a killed worker and a Prefect that is away.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from config.errors import AssayError, InputError
from storage.media_jobs import PAUSE, StoredJob, fail_job, finish, progress, take_job, worn_out
from tasks.content_tools import tools
from tasks.content_work import moderate_video, video_failed, work_on
from tasks.runtime import now

logger = logging.getLogger(__name__)

#: How often a worker says that it is still at a job.
HEARTBEAT_SECONDS = 15.0


@task(name="moderate and analyze", task_run_name="moderate and analyze {count} contents", cache_policy=NO_CACHE)
def moderate_and_analyze(ids: list[str], count: int = 0) -> dict[str, Any]:  # noqa: ARG001
    """Moderate and analyze published contents, by their ids; ``count`` is for the name of the run."""
    parts, models = tools()
    done = work_on(parts, models, ids, now())
    logger.info(
        "%d moderated, %d analyzed, %d failed", len(done.moderated), len(done.analyzed), len(done.failed)
    )
    return done.as_json()


@task(name="media job", task_run_name="{kind} of {source}", cache_policy=NO_CACHE)
def media_job(job_id: str, kind: str = "media job", source: str = "") -> dict[str, Any]:  # noqa: ARG001
    """Do a media job, unless somebody else does; ``kind`` and ``source`` are for the name of the run.

    Raises:
        AssayError: this try failed; the job is due again later, or has failed for good.
    """
    parts, _ = tools()
    job = take_job(parts.engine, UUID(job_id), at=now())
    if job is None:
        return {"job": job_id, "state": "somebody else's, or done"}
    if worn_out(job):
        _failed(job, "its worker died at each try", pause=PAUSE, for_good=True)
        return {"job": job_id, "kind": job.kind, "state": "failed"}
    return do_job(job)


def do_job(job: StoredJob, *, pause: timedelta = PAUSE) -> dict[str, Any]:
    """Do a job that was claimed, and keep what came of it. Raises what went wrong, once that is kept."""
    parts, _ = tools()
    try:
        with _heartbeat(job) as tell:
            result = _result(job, tell)
    except InputError as error:  # the file's fault, today and tomorrow
        _failed(job, error.message, pause=pause, for_good=True)
        raise
    except Exception as error:
        sentence = error.message if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
        _failed(job, sentence, pause=pause)
        raise
    finish(parts.engine, job, result, now())
    return {"job": str(job.id), "kind": job.kind, "state": "done", **_short(result)}


def _result(job: StoredJob, tell: Callable[[float], None]) -> dict[str, Any]:
    parts, models = tools()
    if job.kind == "moderate-video":
        return moderate_video(parts, models, job, now(), on_progress=tell)
    from tasks.media_work import run_media_job

    facts = {"id": str(job.id), "kind": job.kind, "source": job.source, "params": dict(job.params)}
    return run_media_job(parts, facts, on_progress=tell)


def _failed(job: StoredJob, sentence: str, *, pause: timedelta, for_good: bool = False) -> None:
    parts, models = tools()
    if fail_job(parts.engine, job, sentence, now(), for_good=for_good, pause=pause):
        logger.error("%s of %s has failed for good: %s", job.kind, job.source, sentence)
        if job.kind == "moderate-video":
            video_failed(parts, models, job, now())
    else:
        logger.warning("%s of %s failed and is tried again: %s", job.kind, job.source, sentence)


@contextmanager
def _heartbeat(job: StoredJob) -> Iterator[Callable[[float], None]]:
    """Tell the database now and then that the job is worked on, and how far it is."""
    parts, _ = tools()
    share, over = [0.0], threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            try:
                progress(parts.engine, job, share[0], now())
            except AssayError as error:
                logger.warning("the progress of %s could not be told: %s", job.id, error)

    def tell(value: float) -> None:
        share[0] = min(1.0, max(0.0, float(value)))

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join()


def _short(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if isinstance(value, str | int | float | None)}
