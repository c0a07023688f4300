"""The experiments of one service process: what is in memory, the writers, and the threads beside them."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial

from sqlalchemy import Engine

from config.errors import DatabaseError
from config.settings import Settings
from serving.experiments.desk import ExperimentDesk
from serving.experiments.figures import ExperimentFigures
from serving.experiments.guard import Guard
from serving.experiments.learner import Learner
from serving.experiments.rewards import take_rewards
from serving.experiments.snapshot import Snapshots
from serving.experiments.ticker import Ticker
from serving.experiments.writer import GroupWriter
from serving.inbox import Inbox
from serving.metrics import ServiceMetrics
from storage.database import make_engine
from storage.erasure import ForgottenPeople
from storage.experiment_decisions import (
    NewDecision,
    NewReward,
    Recorded,
    RewardOutcome,
    open_connection,
    record_decisions,
    record_rewards,
)

POOL_SIZE = 6
CONNECT_SECONDS = 2
#: What is in memory may be this much older than it should be before health says so.
STALE_SECONDS = 10.0
#: A thread that computes (posteriors, a learning bandit) lets a request go first after this long; Python's own
#: 5 ms would be most of what a decision may take.
SWITCH_SECONDS = 0.0005


class ExperimentService:
    """Everything that the endpoints of experiments need, started and stopped together.

    Args:
        settings: of the platform.
        metrics: of the service that they are part of.
        uniform: gives numbers in [0, 1) to draw with; the system's own randomness unless a test gives another.
        clock: tells the time, in UTC.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: ServiceMetrics,
        *,
        uniform: Callable[[], float] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.figures = ExperimentFigures(metrics)
        self.uniform = uniform or random.Random(random.SystemRandom().getrandbits(256)).random
        self.engine: Engine = make_engine(settings, pool_size=POOL_SIZE, connect_seconds=CONNECT_SECONDS)
        self.snapshots = Snapshots(self.engine)
        connect = partial(open_connection, self.engine)
        self.decisions: GroupWriter[NewDecision, Recorded] = GroupWriter(
            "experiment-decisions", connect, partial(record_decisions, forgotten=ForgottenPeople(settings))
        )
        self.rewards: GroupWriter[NewReward, RewardOutcome] = GroupWriter(
            "experiment-rewards", connect, record_rewards
        )
        folder = settings.home / "services" / "ctr"
        self._copy = folder / "experiments.json"
        self._copied: dict[str, int] = {}
        self._fresh_at = time.monotonic()
        self._switch_seconds = sys.getswitchinterval()
        take = take_rewards(self.engine, self.snapshots, self.figures)
        self.inbox = Inbox("rewards", folder / "rewards", settings, metrics, lambda: take)
        refresh = self._refresher.tick
        self._tickers = [
            self._refresher,
            Ticker(
                "experiment-learner",
                settings.experiment_learn_seconds,
                Learner(self.engine, self.snapshots, clock, refresh).work,
            ),
            Ticker(
                "experiment-guard",
                settings.experiment_guard_seconds,
                Guard(self.engine, self.snapshots, clock, refresh).work,
            ),
        ]

    @cached_property
    def desk(self) -> ExperimentDesk:
        """What a person does with experiments."""
        return ExperimentDesk(self.engine)

    @cached_property
    def _refresher(self) -> Ticker:
        return Ticker("experiment-refresh", self.settings.experiment_refresh_seconds, self._refresh)

    def start(self) -> None:
        """Take what the last process knew, look at the database, and start the threads."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self.snapshots.load(self._copy)
        self._refresher.tick()
        self.decisions.start()
        self.rewards.start()
        self.inbox.start()
        for ticker in self._tickers:
            ticker.start()

    def stop(self) -> None:
        """Stop the threads; what waits is written, or stays on disk."""
        for ticker in self._tickers:
            ticker.stop(timeout=0.5)
        self.decisions.stop()
        self.rewards.stop()
        self.inbox.stop()
        self.engine.dispose()
        sys.setswitchinterval(self._switch_seconds)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each; for the service's health."""
        said = self.inbox.complaints()
        if self.decisions.trouble is not None:
            said.append("experiments answer with the control: the database does not take decisions")
        if unusable := self.snapshots.unusable:
            said.append(f"experiments that cannot be read: {', '.join(sorted(unusable))}")
        if time.monotonic() - self._fresh_at > STALE_SECONDS:
            said.append("experiments are as they were a while ago: the database does not tell their state")
        said += [
            f"{ticker.name} fails: {ticker.last_error}" for ticker in self._tickers[1:] if ticker.last_error
        ]
        return said

    def publish_depth(self) -> None:
        """Measure the queue of rewards for the metrics. Reads files: not for the event loop."""
        self.inbox.publish_depth()

    def refresh(self) -> None:
        """Look at the database now, after a change that was made here; the thread does it else."""
        self._refresher.tick()

    def _refresh(self) -> None:
        try:
            self.snapshots.refresh()
        except DatabaseError:
            if self.snapshots.current:
                return  # complaints tell, and the writers have logged it
            raise
        self._fresh_at = time.monotonic()
        revisions = {name: live.revision for name, live in self.snapshots.current.items()}
        if revisions != self._copied:
            self.snapshots.save(self._copy)
            self._copied = revisions
