"""Asks a version unseen: off the event loop, after the answer, and never at its cost.

Questions wait in a short queue for one thread; where it is behind, they are dropped and counted, and so are
those that wait at the end. What the version says goes to a spool, and from there to ``shadow_answers``, as
predictions do.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from config.settings import Settings
from serving.metrics import ServiceMetrics
from serving.model_slot import ServedRollout
from serving.recorder import depth
from serving.rollout_figures import RolloutFigures
from serving.shipper import Insert, Shipper
from serving.spool import Spool

logger = logging.getLogger(__name__)

#: Requests that may wait, which is about a second of work; and the bytes of the texts and photos in them.
WAITING, WAITING_BYTES = 256, 32 << 20
#: Waiting for a question, the thread looks this often whether it is to end.
LOOK_SECONDS = 0.2
COMPLAIN_SECONDS = 10.0
#: What of a question says whom it is about.
PERSON = ("user_id", "creator_id")
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
Answers = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered. ``people`` are those it is about, beside the entity."""

    id: str
    entity: str | None
    at: datetime
    people: tuple[str, ...] = ()

    @classmethod
    def of(cls, identity: str, entity: str | None, at: datetime, inputs: Mapping[str, Any]) -> Asked:
        """Out of what is recorded of the question."""
        people = tuple(str(inputs[name]) for name in PERSON if inputs.get(name))
        return cls(identity, entity, at, people)


class NotNow(Exception):
    """What a question needs cannot be had: it is dropped, and no fault of the version."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Questions of one request that wait to be asked, and the bytes that are held for them meanwhile."""

    rollout: ServedRollout
    asked: Sequence[Asked]
    ask: Callable[[], Answers]
    size: int


class Shadow:
    """The unseen questions of a service.

    Args:
        folder: of the queue on disk; all workers of the service share it.
        connect: makes the function that commits answers, idempotent; called in the queue's own thread.
        waiting, waiting_bytes: requests that may wait, and what they may hold.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        metrics: ServiceMetrics,
        figures: RolloutFigures,
        connect: Callable[[], Insert],
        *,
        waiting: int = WAITING,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self._folder, self._settings, self._connect = folder, settings, connect
        self._figures = figures
        self._queue_figures = metrics.queue("shadow_answers")
        self._waiting: queue.Queue[_Waiting] = queue.Queue(waiting)
        self._room, self._counting = waiting_bytes, threading.Lock()
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self.spool: Spool | None = None
        self.shipper: Shipper | None = None
        self._complained = 0.0

    def offer(
        self, rollout: ServedRollout, asked: Sequence[Asked], ask: Callable[[], Answers], size: int = 0
    ) -> None:
        """Have ``ask``, which holds ``size`` bytes, called in time; or drop and count its questions.

        It gives an answer to each of ``asked``.
        """
        waiting = _Waiting(rollout, asked, ask, size)
        with self._counting:
            fits = size <= self._room and not self._waiting.full() and not self._stopping.is_set()
            if fits:
                self._room -= size
                self._waiting.put_nowait(waiting)
        if not fits:
            self._dropped(waiting)

    def given(self, family: str, version: str, asked: Sequence[Asked], answers: Answers) -> None:
        """Keep answers that ``version`` gave beside unseen ones: of families whose answers nothing else keeps.

        Never raises; what could not be kept is counted as lost.
        """
        try:
            self._append(_lines(family, version, asked, answers, None))
        except Exception as error:  # noqa: BLE001 - the answer is worth more than its record
            self._queue_figures.lost.inc(len(asked))
            self._complain("answers of version %s are not kept: %s", version, error)

    def begin(self) -> None:
        """Open the queue on disk and start the threads. A second time changes nothing.

        Raises:
            OSError: the disk refused.
        """
        with self._lock:
            if self._thread is not None:
                return
            self.spool = Spool(self._folder, max_bytes=self._settings.prediction_spool_bytes)
            self.shipper = Shipper(self.spool, self._connect, self._queue_figures, what="shadow answers")
            self.shipper.start()
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()

    def start(self) -> None:
        """Bring what an earlier process left on disk to the database; without such, nothing is started."""
        if any(self._folder.glob("*.jsonl")):
            self.begin()

    def stop(self) -> None:
        """Ask nothing any more: what waits is dropped, and counted; what is not shipped stays on disk."""
        self._stopping.set()
        if self._thread is None or self.shipper is None or self.spool is None:
            return
        self._thread.join(2.0)
        with contextlib.suppress(queue.Empty):
            while True:
                self._dropped(self._waiting.get_nowait())
        self._thread = None
        if self.shipper.stop():
            self.spool.close()

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        said = []
        if self.shipper is not None and self.shipper.last_error:
            said.append("shadow answers wait on disk: the database does not take them")
        if self.spool is not None and self.spool.full:
            said.append("shadow answers are not recorded: the queue on disk is full")
        return said

    def publish_depth(self) -> None:
        """Measure the queue on disk for the metrics. Reads files: not for the event loop."""
        if self.spool is not None:
            self._queue_figures.set_depth(*depth(self.spool))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                waiting = self._waiting.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            self._answer(waiting.rollout, waiting.asked, waiting.ask)
            with self._counting:
                self._room += waiting.size
            del waiting  # or the last question would keep its model in memory after the rollout

    def _dropped(self, waiting: _Waiting) -> None:
        rollout = waiting.rollout
        self._figures.counts(rollout.family, rollout.mode).dropped(len(waiting.asked))

    def _answer(self, rollout: ServedRollout, asked: Sequence[Asked], ask: Callable[[], Answers]) -> None:
        counts = self._figures.counts(rollout.family, rollout.mode)
        started = perf_counter()
        try:
            answers = ask()
            latency = round((perf_counter() - started) * 1000 / max(len(asked), 1), 4)
            lines = _lines(rollout.family, rollout.model.version, asked, answers, latency)
        except NotNow:
            counts.dropped(len(asked))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the shadow's own trouble
            counts.failed(len(asked))
            self._complain("version %s failed unseen: %s", rollout.model.version, error)
            return
        try:
            self._append(lines)
        except OSError as error:
            self._queue_figures.lost.inc(len(asked))
            counts.failed(len(asked))
            self._complain("unseen answers of version %s are not kept: %s", rollout.model.version, error)
            return
        counts.answered(len(asked))

    def _complain(self, sentence: str, version: str, error: Exception) -> None:
        if time.monotonic() - self._complained > COMPLAIN_SECONDS:
            self._complained = time.monotonic()
            logger.error(sentence, version, type(error).__name__)

    def _append(self, lines: list[bytes]) -> None:
        if self.spool is None:
            raise OSError("the queue on disk is not open")
        self.spool.append(b"".join(lines))
        self._queue_figures.spooled.inc(len(lines))


def _lines(
    family: str, version: str, asked: Sequence[Asked], answers: Answers, latency: float | None
) -> list[bytes]:
    return [
        orjson.dumps(
            {
                "id": one.id,
                "model_version": version,
                "family": family,
                "entity_id": one.entity,
                "at": one.at,
                "answer": answer,
                "latency_ms": latency,
                "received_at": datetime.now(UTC),
                "people": one.people,
            },
            option=_OPTIONS,
        )
        for one, answer in zip(asked, answers, strict=True)
    ]


def connect_shadows(settings: Settings) -> Insert:
    """The real database's insert, which takes nothing in of people who were forgotten."""
    from functools import partial

    from storage.database import make_engine
    from storage.shadow_answers import insert_shadow_answers

    return partial(insert_shadow_answers, make_engine(settings), settings=settings)
