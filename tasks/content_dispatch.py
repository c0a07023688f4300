"""Handing out what is due: contents in batches, media jobs one by one, as background runs of Prefect.

While Prefect is away the work is done in this process, and nobody waits for it. Contents whose last worker said
nothing are looked at one after the other: one of them may have killed it, and shall not take the others along.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
from prefect import Task

from config.errors import AssayError
from storage.content_claims import (
    DIED,
    claim_due,
    claim_left_over,
    end_left_over_analyses,
    give_up_analysis,
    in_hand,
)
from storage.contents import DUE_CHANNEL, StoredContent
from storage.database import database_now
from storage.media_jobs import StoredJob, hand_out, handed_out
from tasks.content_jobs import media_job, moderate_and_analyze
from tasks.content_work import leave_to_people
from tasks.platform import Platform

logger = logging.getLogger(__name__)

#: Contents of one background run.
BATCH = 200
#: Batches for each worker that may wait in Prefect: more would only grow old there.
BATCHES = 4
#: Media jobs for each worker that may wait there.
JOBS = 4
#: What a notification missed is found at the latest after this.
POLL_SECONDS = 5.0
#: While Prefect is away it is asked again after this.
PREFECT_PAUSE = 10.0


class Dispatcher:
    """Looks for what is due until it is told to stop.

    Args:
        parts: the platform; of this dispatcher alone.
        workers: batches of contents, and beside them media jobs, at once where Prefect is away.
        alive: called after each look, to show that somebody looks.
        served: whether somebody takes what Prefect is given.
    """

    def __init__(
        self, parts: Platform, workers: int, alive: Callable[[], None], served: Callable[[], bool]
    ) -> None:
        self._parts, self._alive, self._served = parts, alive, served
        self._workers = workers
        self._stop = threading.Event()
        # two pools: nobody's comment waits for somebody's film
        self._threads = {
            one.name: ThreadPoolExecutor(workers, thread_name_prefix=one.name)
            for one in (moderate_and_analyze, media_job)
        }
        self._here: dict[str, set[Future[Any]]] = {name: set() for name in self._threads}
        # a single thread, and each claimed only when it begins: who dies over one burns no try of the others
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="one by one")
        self._at_one: Future[None] | None = None
        self._prefect_not_before = 0.0
        self._listening: psycopg.Connection[Any] | None = None

    def run(self) -> None:
        """Look, hand out, wait; for a thread of its own. What fails is logged, and looked at again."""
        pause = 0.2
        while not self._stop.is_set():
            try:
                busy = self.look()
                pause = 0.2
                self._alive()
                if not busy:
                    self._wait()
            except (AssayError, psycopg.Error) as error:
                logger.warning("content waits: %s", error)
                self._deafen()
                self._stop.wait(pause)
                pause = min(2 * pause, POLL_SECONDS)
            except Exception:
                logger.exception("the dispatcher failed, and goes on")
                self._stop.wait(POLL_SECONDS)
        self._deafen()
        for threads in (*self._threads.values(), self._alone):
            threads.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """End :meth:`run` soon; what was handed out is done or becomes due again."""
        self._stop.set()

    def look(self) -> bool:
        """Hand out what is due now; whether there may be more."""
        self._here = {name: {one for one in here if not one.done()} for name, here in self._here.items()}
        at = database_now(self._parts.engine)
        for one in claim_left_over(self._parts.engine, limit=BATCH, at=at):
            logger.error("content %s is left to people: its workers died", one.id)
            leave_to_people(self._parts, one, at)
            give_up_analysis(self._parts.engine, one, DIED)
        for name in end_left_over_analyses(self._parts.engine, limit=BATCH, at=at):
            logger.error("the analysis of content %s is given up: its workers died", name)
        self._media(at)
        self._one_by_one(at)
        return self._contents(at)

    def _contents(self, at: datetime) -> bool:
        engine = self._parts.engine
        if self._room(moderate_and_analyze) <= 0:
            return False
        if in_hand(engine, at=at) >= self._workers * BATCHES * BATCH:
            return False
        ids = [one.id for one in claim_due(engine, limit=BATCH, at=at, silent=False)]
        if ids:
            self._hand_out(moderate_and_analyze, {"ids": ids, "count": len(ids)})
        return len(ids) == BATCH

    def _one_by_one(self, at: datetime) -> None:
        if self._at_one is not None and not self._at_one.done():
            return
        for one in claim_due(self._parts.engine, limit=1, at=at, silent=True):
            self._at_one = self._alone.submit(self._carefully, one)

    def _carefully(self, first: StoredContent) -> None:
        """Work on this one, then on the next, while there are any. Not through Prefect, where what was claimed
        would wait until it is due again.
        """
        due = [first]
        while due:
            logger.warning("content %s is looked at alone: its last worker said nothing", due[0].id)
            _logged(moderate_and_analyze, {"ids": [due[0].id], "count": 1})
            if self._stop.is_set():
                return
            try:
                at = database_now(self._parts.engine)
                due = claim_due(self._parts.engine, limit=1, at=at, silent=True)
            except (AssayError, psycopg.Error) as error:
                logger.warning("what is looked at alone waits: %s", error)
                return

    def _media(self, at: datetime) -> None:
        engine = self._parts.engine
        most = min(self._room(media_job), self._workers * JOBS - handed_out(engine, at=at))
        for job in hand_out(engine, limit=most, at=at) if most > 0 else []:
            self._hand_out(media_job, _named(job))

    def _room(self, what: Task[..., Any]) -> int:
        """How much more may wait in this process, where Prefect is away."""
        return 2 * self._workers - len(self._here[what.name])

    def _hand_out(self, what: Task[..., Any], arguments: dict[str, Any]) -> None:
        if self._served() and time.monotonic() >= self._prefect_not_before:
            try:
                what.delay(**arguments)
            except Exception as error:  # noqa: BLE001 - whatever Prefect's client raises, the work is done
                self._prefect_not_before = time.monotonic() + PREFECT_PAUSE
                logger.warning("Prefect does not take work (%s): it is done here", type(error).__name__)
            else:
                return
        self._here[what.name].add(self._threads[what.name].submit(_logged, what, arguments))

    def _wait(self) -> None:
        """Until the database tells of something new, or some seconds have passed."""
        if self._listening is None:
            self._listening = psycopg.connect(
                self._parts.settings.database_url().replace("postgresql+psycopg://", "postgresql://"),
                autocommit=True, connect_timeout=5, application_name="assay content",
            )  # fmt: skip
            self._listening.execute(f"listen {DUE_CHANNEL}")
            return  # what came before we listened is found by one more look
        until = time.monotonic() + POLL_SECONDS
        while not self._stop.is_set() and time.monotonic() < until:
            for _ in self._listening.notifies(timeout=0.5, stop_after=1):
                return
            if any(one.done() for here in self._here.values() for one in here):
                return

    def _deafen(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None


def _named(job: StoredJob) -> dict[str, Any]:
    return {"job_id": str(job.id), "kind": job.kind, "source": job.source[-80:], "attempts": job.attempts}


def _logged(what: Task[..., Any], arguments: dict[str, Any]) -> None:
    try:
        what.fn(**arguments)
    except Exception as error:  # noqa: BLE001 - it is kept with the row, and due again
        logger.warning("%s failed: %s", what.name, error)
