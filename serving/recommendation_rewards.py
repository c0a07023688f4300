"""Tells the experiment what came of its decisions: an event that follows from a recommendation is a reward."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from config.settings import Settings
from serving.experiments.ticker import Ticker
from serving.recommendation_experiment import experiment_url, key_header
from serving.recommendation_figures import RecommendationFigures

logger = logging.getLogger(__name__)

SECONDS = 1.0
#: Recommendations that wait; more are lost, and counted.
MAX_WAITING = 50_000
#: Told already: the experiment counts the first reward of a decision alone, so telling it again is only waste.
MAX_TOLD = 100_000
AT_ONCE = 500
#: What was recommended is recorded within seconds, or while the database is away later; then it is let go.
KEPT_SECONDS = 900.0
TIMEOUT_SECONDS = 5.0
VALUE = 1.0


class Rewards:
    """A queue of recommendations that were followed by something good, and a thread that tells of them.

    Args:
        settings: where the CTR service is.
        decisions: recommendations -> (decision, experiment) of those that have one; may raise.
        figures: count what is posted and lost.
    """

    def __init__(
        self,
        settings: Settings,
        decisions: Callable[[Iterable[str]], Mapping[str, tuple[str, str]]],
        figures: RecommendationFigures,
    ) -> None:
        self._settings = settings
        self._decisions = decisions
        self._figures = figures
        self._lock = threading.Lock()
        self._waiting: dict[str, float] = {}
        self._told: OrderedDict[str, None] = OrderedDict()
        self._active = settings.recommendation_experiment is not None
        self._ticker = Ticker("recommendation-rewards", SECONDS, self.tell)

    def followed(self, recommendations: Iterable[str]) -> None:
        """Something good came of these."""
        if not self._active:
            return
        now = time.monotonic()
        with self._lock:
            for one in recommendations:
                if one in self._told or one in self._waiting:
                    continue
                if len(self._waiting) >= MAX_WAITING:
                    self._figures.lost.inc()
                    continue
                self._waiting[one] = now

    def tell(self) -> None:
        """Tell the experiment of some that wait; what it does not take waits on.

        Raises:
            RuntimeError: the CTR service does not take them.
        """
        with self._lock:
            asked = list(self._waiting)[:AT_ONCE]
        if not asked:
            return
        found = self._decisions(asked)
        experiments: dict[str, dict[str, str]] = {}
        for one, (decision, experiment) in found.items():
            experiments.setdefault(experiment, {})[decision] = one
        for experiment, decisions in experiments.items():
            self._post(experiment, list(decisions))
            self._done(decisions.values())
            self._figures.posted.inc(len(decisions))
        oldest = time.monotonic() - KEPT_SECONDS
        with self._lock:
            for one in set(asked) - set(found):
                since = self._waiting.pop(one, None)
                if since is not None and since > oldest:
                    self._waiting[one] = since  # behind those that were not looked at yet

    def _post(self, experiment: str, decisions: list[str]) -> None:
        import httpx

        body: dict[str, Any] = {"rewards": [{"decision_id": one, "value": VALUE} for one in decisions]}
        # trust_env off: a proxy must not stand between this machine and itself
        with httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, headers=key_header(self._settings)
        ) as client:
            answer = client.post(experiment_url(self._settings, "reward", experiment), json=body)
        if answer.status_code >= 500 or answer.status_code in (401, 408, 429):
            raise RuntimeError(f"The CTR service answered {answer.status_code} to rewards.")
        if answer.status_code >= 400:  # it will never take them
            logger.warning("rewards for %s are refused: %s", experiment, answer.text[:300])

    def _done(self, recommendations: Iterable[str]) -> None:
        with self._lock:
            for one in recommendations:
                self._waiting.pop(one, None)
                self._told[one] = None
            while len(self._told) > MAX_TOLD:
                self._told.popitem(last=False)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return ["rewards wait: the experiment does not take them"] if self._ticker.last_error else []

    def start(self) -> None:
        """Begin, where there is an experiment."""
        if self._active:
            self._ticker.start()

    def stop(self) -> None:
        """End."""
        self._ticker.stop(timeout=0.5)
