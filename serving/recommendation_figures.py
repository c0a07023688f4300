"""Figures of recommendation in Prometheus' format, beside those of every service."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter


class RecommendationFigures:
    """Lists by who made them, and rewards of the experiment by what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lists = Counter(
            "assay_recommendation_lists",
            "Lists that were answered.",
            ("answered_by", "cached"),
            registry=registry,
        )
        rewards = Counter(
            "assay_recommendation_rewards",
            "Rewards for decisions of the experiment.",
            ("state",),
            registry=registry,
        )
        self.posted, self.lost = (rewards.labels(state) for state in ("posted", "lost"))
        self._bound: dict[tuple[str, bool], Callable[[], None]] = {}

    def count(self, answered_by: str, *, cached: bool) -> None:
        """Count one list."""
        bound = self._bound.get((answered_by, cached))
        if bound is None:
            labels = self._lists.labels(answered_by, str(cached).lower())
            bound = self._bound[(answered_by, cached)] = labels.inc
        bound()
