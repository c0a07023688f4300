"""Work on content as Prefect tasks: handed out by the dispatcher, served by the content worker.

The rows in the database say what is due and how often it was tried; a task that is lost, doubled or late does
no harm. Tries are counted there (the first, and three more after 60, 120 and 240 s) and not by Prefect, so
that they outlive a killed worker and a Prefect that is away.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine

from config.errors import AssayError, DatabaseUnavailable, InputError, RegistryUnavailable
from storage.media_jobs import LEASE, PAUSE, StoredJob, fail_job, finish, progress, take_job, worn_out
from tasks.content_tools import now, tools
from tasks.content_work import moderate_video, video_failed, work_on
from tasks.observing import spanned
from tasks.runtime import now as own_clock

logger = logging.getLogger(__name__)

#: Names this worker in logs and traces.
WORKER = "content-worker"
#: How often a worker says that it is still at a job.
HEARTBEAT_SECONDS = 15.0


class JobLost(AssayError):
    """Another worker has the job, or it was ended: what this one has made is nobody's."""


@task(name="moderate and analyze", task_run_name="moderate and analyze {count} contents", cache_policy=NO_CACHE)
@spanned("moderate and analyze", WORKER)
def moderate_and_analyze(ids: list[str], count: int = 0) -> dict[str, Any]:  # noqa: ARG001
    """Moderate and analyze published contents, by their ids; ``count`` is for the name of the run."""
    parts, models = tools()
    done = work_on(parts, models, ids, now())
    logger.info(
        "%d moderated, %d analyzed, %d failed", len(done.moderated), len(done.analyzed), len(done.failed)
    )
    return done.as_json()


@task(name="media job", task_run_name="{kind} of {source}", cache_policy=NO_CACHE)
@spanned("media job", WORKER)
def media_job(
    job_id: str, kind: str = "media job", source: str = "", attempts: int | None = None  # noqa: ARG001
) -> dict[str, Any]:  # fmt: skip
    """Do a media job, unless somebody else does; ``kind`` and ``source`` are for the name of the run.

    ``attempts`` is how often the job had been tried when it was handed out: of several runs that waited for
    the same try one does it. Runs of before this was told have none, and take the job in any case.

    A worker that is taken for dead, since nothing was heard of it, leaves the job to whoever has it then.

    Raises:
        AssayError: this try failed; the job is due again later, or has failed for good.
    """
    parts, _ = tools()
    job = take_job(parts.engine, UUID(job_id), at=now(), attempts=attempts)
    if job is None:
        return {"job": job_id, "state": "somebody else's, or done"}
    if worn_out(job):
        _failed(job, "its worker died at each try", pause=PAUSE, for_good=True)
        return {"job": job_id, "kind": job.kind, "state": "failed"}
    try:
        return do_job(job)
    except JobLost as error:
        logger.warning("%s", error.message)
        return {"job": job_id, "kind": job.kind, "state": "somebody else's, or done"}


def do_job(job: StoredJob, *, pause: timedelta = PAUSE) -> dict[str, Any]:
    """Do a job that was claimed, and keep what came of it. Raises what went wrong, once that is kept.

    Raises:
        JobLost: it is not this worker's any more; nothing is kept, and nothing of the other's is touched.
    """
    parts, _ = tools()
    try:
        with _heartbeat(job) as hold:
            result = _result(job, hold)
    except JobLost:
        raise
    except InputError as error:  # the file's fault, today and tomorrow
        _failed(job, error.message, pause=pause, for_good=True)
        raise
    except RegistryUnavailable as error:  # nobody knows by which version: the film was not looked at
        _failed(job, error.message, pause=pause, tried=False)
        raise
    except Exception as error:
        sentence = error.message if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
        _failed(job, sentence, pause=pause)
        raise
    if not finish(parts.engine, job, result, now()):
        raise _lost(job)
    return {"job": str(job.id), "kind": job.kind, "state": "done", **_short(result)}


def _result(job: StoredJob, hold: Hold) -> dict[str, Any]:
    parts, models = tools()
    if job.kind == "moderate-video":
        return moderate_video(parts, models, job, now(), on_progress=hold.tell)
    from tasks.media_work import run_media_job

    facts = {"id": str(job.id), "kind": job.kind, "source": job.source, "params": dict(job.params)}
    return run_media_job(parts, facts, on_progress=hold.tell, still_ours=hold.beat)


def _lost(job: StoredJob) -> JobLost:
    return JobLost(
        f"{job.kind} of {job.source} is another worker's by now, or was ended.", hint="See its state."
    )


def _failed(
    job: StoredJob, sentence: str, *, pause: timedelta, for_good: bool = False, tried: bool = True
) -> None:
    parts, models = tools()
    if fail_job(parts.engine, job, sentence, now(), for_good=for_good, pause=pause, tried=tried):
        logger.error("%s of %s has failed for good: %s", job.kind, job.source, sentence)
        if job.kind == "moderate-video":
            video_failed(parts, models, job, now())
    else:
        logger.warning("%s of %s failed, and is not given up: %s", job.kind, job.source, sentence)


class Hold:
    """A worker's hold on a job, which it loses when nothing was heard of it for too long."""

    def __init__(self, engine: Engine, job: StoredJob) -> None:
        self._engine = engine
        self._job = job
        self._share = 0.0
        self._lost = False
        self._asked = own_clock()

    def tell(self, share: float) -> None:
        """Note how far the job is, 0 to 1, for the next beat. Raises JobLost, where one told so."""
        self._share = min(1.0, max(0.0, float(share)))
        if self._lost:
            raise _lost(self._job)
        if own_clock() - self._asked > LEASE:  # this process slept, and so did its beats
            with suppress(DatabaseUnavailable):
                self.beat()

    def beat(self) -> None:
        """Tell the database that the job is worked on.

        Raises:
            JobLost: it is not this worker's any more.
            DatabaseUnavailable: nobody knows.
        """
        self._asked = own_clock()
        self._lost = self._lost or not progress(self._engine, self._job, self._share, now())
        if self._lost:
            raise _lost(self._job)


@contextmanager
def _heartbeat(job: StoredJob) -> Iterator[Hold]:
    """Tell the database now and then that the job is worked on, and how far it is."""
    parts, _ = tools()
    hold, over = Hold(parts.engine, job), threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            try:
                hold.beat()
            except JobLost:
                return  # who works is told at its next step
            except AssayError as error:
                logger.warning("the progress of %s could not be told: %s", job.id, error)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield hold
    finally:
        over.set()
        thread.join()


def _short(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if isinstance(value, str | int | float | None)}
