"""Contextual bandits learn from the rewards that came in; of several processes one learns at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from models.experiments.definition import Definition
from serving.experiments.snapshot import LiveExperiment, Snapshots
from storage.experiment_learning import LoggedDecision, Teach, learn

#: A reward that was on its way when its window closed is waited for this long, before silence teaches.
GRACE = timedelta(minutes=5)
#: An experiment that is paused or concluded still gets rewards; for the time before this process looked, too.
EVER = datetime(2000, 1, 1).astimezone()


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
        #: experiment -> silence until then has been learned from, or rewarded: no need to look there again
        self._done: dict[str, datetime] = {}

    def work(self) -> None:
        """Let each learn what there is; what the first failing one raises comes after the others."""
        faults: list[Exception] = []
        changed = False
        for live in list(self._snapshots.current.values()):
            if live.definition.policy.kind == "contextual" and live.state != "draft":
                try:
                    changed |= self._teach(live)
                except Exception as error:  # noqa: BLE001 - raised below
                    faults.append(error)
        if changed:
            self._learned()
        if faults:
            raise faults[0]

    def _teach(self, live: LiveExperiment) -> bool:
        definition, now = live.definition, self._clock()
        since, until = self._done.get(definition.id, EVER), now - self._open_for(definition)
        missed = (since, until) if definition.reward.missing == "zero" and until > since else None
        changed = False
        while True:
            found = learn(self._engine, definition.id, taught(definition), now=now, missed=missed)
            if found is None:
                return changed
            changed |= found.decisions > 0
            if not found.more:
                break
        if missed is not None:
            self._done[definition.id] = until
        return changed

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
