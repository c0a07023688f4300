"""Guard-rails: running experiments are looked at again and again, and one that does harm is paused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.sql import SQL
from sqlalchemy import Engine

from config.errors import ExperimentConflict
from models.experiments.definition import Definition, VariantTally
from serving.experiments.snapshot import Snapshots
from serving.experiments.ticker import each
from storage.copying import cursor
from storage.database import lock_key, transaction
from storage.experiment_log import tallies
from storage.experiments import alarm, change_state

if TYPE_CHECKING:
    from models.experiments.guard import Breach

logger = logging.getLogger(__name__)

ACTOR = "guard-rail"


class Guard:
    """Checks the guard-rails of all running experiments.

    Args:
        clock: tells the time, in UTC.
        changed: is told when an experiment was paused.
    """

    def __init__(
        self,
        engine: Engine,
        snapshots: Snapshots,
        clock: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine, self._snapshots, self._clock = engine, snapshots, clock
        self._changed = changed

    def work(self) -> None:
        """Look once, unless another process looks now; one that cannot be judged keeps no other unguarded."""
        with _alone(self._engine) as alone:
            if not alone:
                return
            guarded = [
                live.definition
                for live in self._snapshots.current.values()
                if live.state == "running" and live.definition.guardrails
            ]
            each(guarded, self.check)

    def check(self, definition: Definition) -> None:
        """Pause the experiment, or put an alarm on record, for each guard-rail that is broken."""
        from models.experiments.report import breaches

        now = self._clock()
        rows = [VariantTally(**row) for row in tallies(self._engine, definition.id, now)]
        for breach in breaches(definition, rows):
            if breach.action == "pause":
                self._pause(definition, breach, now)
                return
            self._alarm(definition, breach, now)

    def _pause(self, definition: Definition, breach: Breach, now: datetime) -> None:
        try:
            change_state(
                self._engine,
                definition.id,
                "pause",
                actor=ACTOR,
                reason=sentence(breach),
                at=now,
                details=asdict(breach),
            )
        except ExperimentConflict:  # somebody was first
            return
        logger.warning("experiment %s is paused: %s", definition.id, sentence(breach))
        self._changed()

    def _alarm(self, definition: Definition, breach: Breach, now: datetime) -> None:
        if alarm(
            self._engine,
            definition.id,
            about=f"{breach.variant}/{breach.metric}",
            actor=ACTOR,
            reason=sentence(breach),
            at=now,
            details=asdict(breach),
        ):
            logger.warning("alarm of experiment %s: %s", definition.id, sentence(breach))


def sentence(breach: Breach) -> str:
    """A breach in words."""
    return (
        f"{breach.variant} is worse than the control in {breach.metric} by {breach.difference:.4g},"
        f" surely by more than {breach.low:.4g}; at most {breach.limit:g} is allowed."
    )


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    """Whether no other process looks; the lock goes with its transaction, however that ends."""
    query = SQL("select pg_try_advisory_xact_lock(%s)")
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, (lock_key("experiment-guard"),)).fetchone()
        yield bool(found and found[0])
