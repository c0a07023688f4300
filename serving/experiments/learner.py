"""Contextual bandits learn from the rewards that came in; of several processes one learns at a time.

Where silence means zero, a decision teaches once its window has closed, rewarded or not. To learn clicks at
once and their absence a window later would show the bandit hardly anything but clicks for so long: all variants
look equally good then, and the one that was shown most looks best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from models.experiments.definition import Definition
from serving.experiments.snapshot import LiveExperiment, Snapshots
from serving.experiments.ticker import each
from storage.experiment_learning import LoggedDecision, Teach, learn

#: A reward that was on its way when its window closed is waited for this long, before silence teaches.
GRACE = timedelta(minutes=5)
#: An experiment that is paused or concluded still gets rewards; for the time before this process looked, too.
EVER = datetime(2000, 1, 1, tzinfo=UTC)


class Learner:
    """Teaches the bandits of all contextual experiments.

    Args:
        clock: tells the time, in UTC.
        learned: is told when a model changed.
    """

    def __init__(
        self,
        engine: Engine,
        snapshots: Snapshots,
        clock: Callable[[], datetime],
        learned: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine, self._snapshots, self._clock = engine, snapshots, clock
        self._learned = learned
        #: experiment -> all decisions until then have been learned from: no need to look there again
        self._done: dict[str, datetime] = {}

    def work(self) -> None:
        """Let each learn what there is; what the first failing one raises comes after the others."""
        contextual = [
            live
            for live in self._snapshots.current.values()
            if live.definition.policy.kind == "contextual" and live.state != "draft"
        ]
        each(contextual, self._teach)

    def _teach(self, live: LiveExperiment) -> None:
        definition, now = live.definition, self._clock()
        closed = None
        if definition.reward.missing == "zero":
            closed = self._done.get(definition.id, EVER), now - self._open_for(definition)
        changed, more = False, True
        while more:
            found = learn(self._engine, definition.id, taught(definition), now=now, closed=closed)
            if found is None:  # another learns, or a reward came in between: next time
                break
            changed, more = changed or found.decisions > 0, found.more
        if not more and closed is not None:
            self._done[definition.id] = closed[1]
        if changed:
            self._learned()

    @staticmethod
    def _open_for(definition: Definition) -> timedelta:
        return timedelta(hours=definition.reward.window_hours) + GRACE


def taught(definition: Definition) -> Teach:
    """How the experiment's bandit learns decisions; one without a reward earned zero."""

    def teach(state: bytes | None, rows: Sequence[LoggedDecision]) -> bytes:
        from models.experiments.bandit import Bandit, LearnRow

        reward = definition.reward
        with Bandit(definition, state) as bandit:
            bandit.learn(
                [
                    LearnRow(row.context, row.variant, row.propensity, reward.scaled(row.reward or 0.0))
                    for row in rows
                ]
            )
            return bandit.state()

    return teach
