"""Figures of rollouts in Prometheus' format, beside those of every service."""

from __future__ import annotations

from dataclasses import dataclass

from serving.metrics import Count, ServiceMetrics

ANSWERED, FAILED, DROPPED = "answered", "failed", "dropped"


@dataclass(frozen=True)
class RolloutCounts:
    """Questions of one rollout's share: it answered, it failed to, or there was no time to ask it."""

    answered: Count
    failed: Count
    dropped: Count


class RolloutFigures:
    """Which version of each family is tried, at which share, and what became of the questions that were its."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._service = metrics.service
        self._answers = metrics.counter(
            "assay_rollout_answers",
            "Questions of a tried version's share: answered, failed, or dropped because it was behind.",
            "family",
            "mode",
            "outcome",
        )
        self._swaps = metrics.counter("assay_rollout_swaps", "Versions taken in to be tried.", "family")
        self._refusals = metrics.counter("assay_rollout_refusals", "Versions refused to be tried.", "family")
        self._version = metrics.gauge("assay_rollout_version", "Version that is tried; 0: none.", "family")
        self._share = metrics.gauge("assay_rollout_share", "Its share of the questions.", "family")
        self._bound: dict[tuple[str, str], RolloutCounts] = {}

    def follow(self, family: str) -> None:
        """Show ``family`` from now on, with nothing counted: a counter that is born with its first refusal did
        not rise, and no rule would see that one.
        """
        for figure in (self._swaps, self._refusals, self._version, self._share):
            figure.labels(self._service, family)

    def counts(self, family: str, mode: str) -> RolloutCounts:
        """What counts questions, bound once."""
        bound = self._bound.get((family, mode))
        if bound is None:
            labels = (self._service, family, mode)
            each = (self._answers.labels(*labels, outcome).inc for outcome in (ANSWERED, FAILED, DROPPED))
            bound = self._bound[family, mode] = RolloutCounts(*each)
        return bound

    def swapped(self, family: str, version: str, share: float) -> None:
        """State that ``version`` is tried from now on."""
        self._swaps.labels(self._service, family).inc()
        self._state(family, float(version) if version.isdigit() else 0.0, share)

    def ended(self, family: str) -> None:
        """State that nothing is tried any more."""
        self._state(family, 0.0, 0.0)

    def refused(self, family: str) -> None:
        """Count a version that is not tried because it is no good."""
        self._refusals.labels(self._service, family).inc()

    def _state(self, family: str, version: float, share: float) -> None:
        self._version.labels(self._service, family).set(version)
        self._share.labels(self._service, family).set(share)
