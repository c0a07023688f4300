"""Figures of a service in Prometheus' format.

With several workers each process keeps its own figures in files of ``PROMETHEUS_MULTIPROC_DIR`` (the start
command sets it), and a scrape of any of them sums all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True)
class QueueFigures:
    """Of one queue on disk: rows written to it; committed; set aside as unreadable; not kept (full, or a disk
    error).
    """

    spooled: Counter
    shipped: Counter
    set_aside: Counter
    lost: Counter
    _rows: Gauge
    _bytes: Gauge
    _oldest: Gauge

    def set_depth(self, rows: int, size: int, oldest_seconds: float) -> None:
        """State how much waits."""
        self._rows.set(rows)
        self._bytes.set(size)
        self._oldest.set(oldest_seconds)


@dataclass(frozen=True)
class ModelFigures:
    """Of one model in service: versions taken in, versions refused, and the one that answers."""

    swaps: Counter
    refusals: Counter
    _version: Gauge

    def set_version(self, version: str) -> None:
        """State the version in service."""
        self._version.set(float(version) if version.isdigit() else 0)


class ServiceMetrics:
    """Requests, predictions, the recording queue and the served version of one service."""

    def __init__(self, family: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "assay_requests", "Requests answered.", ("service", "path", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "assay_request_seconds",
            "Time to answer.",
            ("service", "path"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._predictions = Counter(
            "assay_predictions", "Predictions by class.", ("service", "answer"), registry=self.registry
        )
        self._recorded = Counter(
            "assay_recorded_rows",
            "Predictions on their way to the database.",
            ("service", "state"),
            registry=self.registry,
        )
        self._swaps = Counter(
            "assay_model_swaps", "Model versions taken into service.", ("service",), registry=self.registry
        )
        self._refusals = Counter(
            "assay_model_refusals", "Model versions refused.", ("service",), registry=self.registry
        )
        self._depths = [
            Gauge(
                f"assay_queue_{name}",
                text,
                ("service",),
                registry=self.registry,
                multiprocess_mode="mostrecent",
            )
            for name, text in (
                ("rows", "Predictions that wait for the database."),
                ("bytes", "Their size on disk."),
                ("oldest_seconds", "Age of the oldest of them."),
            )
        ]
        self.predictions = self._queue(family)
        self._version = Gauge(
            "assay_model_version",
            "Registry version in service.",
            ("service",),
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self._family = family
        self._cache: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._classes: dict[str, Callable[[float], None]] = {}

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count one answered request. ``path`` is one of the service's own, so labels stay few."""
        bound = self._cache.get((path, status))
        if bound is None:
            counter = self._requests.labels(self._family, path, str(status))
            bound = self._cache[(path, status)] = (
                counter.inc,
                self._seconds.labels(self._family, path).observe,
            )
        bound[0]()
        bound[1](seconds)

    def count_prediction(self, answer: str, number: int = 1) -> None:
        """Count predictions by their class."""
        count = self._classes.get(answer)
        if count is None:
            count = self._classes[answer] = self._predictions.labels(self._family, answer).inc
        count(number)

    def queue(self, name: str) -> QueueFigures:
        """Figures of another queue of this service, under the service's name and that of the queue."""
        return self._queue(f"{self._family}-{name}")

    def _queue(self, label: str) -> QueueFigures:
        rows, size, oldest = (gauge.labels(label) for gauge in self._depths)
        spooled, shipped, set_aside, lost = (
            self._recorded.labels(label, state) for state in ("spooled", "shipped", "set_aside", "lost")
        )
        return QueueFigures(spooled, shipped, set_aside, lost, rows, size, oldest)

    def model(self, name: str) -> ModelFigures:
        """Figures of one model under ``name``: the service's own, or ``<service>-<family>`` of several."""
        return ModelFigures(self._swaps.labels(name), self._refusals.labels(name), self._version.labels(name))

    def render(self) -> bytes:
        """All figures as text."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self.registry)
