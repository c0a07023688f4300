"""Figures of recommendation in Prometheus' format, beside those of every service."""

from __future__ import annotations

from serving.metrics import Count, ServiceMetrics


class RecommendationFigures:
    """Lists by who made them, looks for kept ones, and rewards of the experiment by what became of them."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        rewards = metrics.counter(
            "assay_recommendation_rewards", "Rewards for decisions of the experiment.", "state"
        )
        self.posted, self.lost = (rewards.labels(metrics.service, state) for state in ("posted", "lost"))
        cache = metrics.cache("lists")
        self.hit, self.missed = cache.hit, cache.miss
        self._bound: dict[tuple[str, bool], Count] = {}

    def answered(self, by: str, *, fallback: bool) -> None:
        """Count one list, kept or new; ``fallback``: it should have been the model's."""
        bound = self._bound.get((by, fallback))
        if bound is None:
            bound = self._bound[by, fallback] = self._metrics.answers(by, fallback=fallback)
        bound()
