"""Figures of experiments in Prometheus' format."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter


class ExperimentFigures:
    """Decisions and rewards by experiment and status; only experiments that exist are named."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("experiment", "status")
        self._counters = {
            "decisions": Counter(
                "assay_experiment_decisions",
                "Questions for a variant: recorded, repeated, or why they were outside the experiment.",
                labels,
                registry=registry,
            ),
            "rewards": Counter(
                "assay_experiment_rewards",
                "Rewards: counted, repeated, conflict, late, unknown, or accepted on disk.",
                labels,
                registry=registry,
            ),
        }
        self._bound: dict[tuple[str, str, str], Callable[[float], None]] = {}

    def count(self, what: str, experiment: str, status: str, number: int = 1) -> None:
        """Count ``decisions`` or ``rewards``."""
        key = (what, experiment, status)
        add = self._bound.get(key)
        if add is None:
            add = self._bound[key] = self._counters[what].labels(experiment, status).inc
        add(number)
