"""Figures of experiments in Prometheus' format."""

from __future__ import annotations

from serving.metrics import Count, ServiceMetrics


class ExperimentFigures:
    """Decisions and rewards by experiment and status; only experiments that exist are named."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._service = metrics.service
        self._counters = {
            "decisions": metrics.counter(
                "assay_experiment_decisions",
                "Questions for a variant: recorded, repeated, or why they were outside the experiment.",
                "experiment",
                "status",
            ),
            "rewards": metrics.counter(
                "assay_experiment_rewards",
                "Rewards: counted, repeated, conflict, late, unknown, or accepted on disk.",
                "experiment",
                "status",
            ),
        }
        self._bound: dict[tuple[str, str, str], Count] = {}

    def count(self, what: str, experiment: str, status: str, number: int = 1) -> None:
        """Count ``decisions`` or ``rewards``."""
        key = (what, experiment, status)
        add = self._bound.get(key)
        if add is None:
            add = self._bound[key] = self._counters[what].labels(self._service, experiment, status).inc
        add(number)
