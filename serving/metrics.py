"""Figures of a service in Prometheus' format.

One naming scheme, ``assay_<thing>_<unit>``: every figure has the label ``service``, and ``family`` where it is
of one model; docs/operations/metrics.md lists them all. With several workers each process keeps its own figures
in files of ``PROMETHEUS_MULTIPROC_DIR`` (the start command sets it), and a scrape of any of them sums all.
"""

from __future__ import annotations

import collections
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.replica import replica_name

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

Count = Callable[..., None]


@dataclass(frozen=True)
class QueueFigures:
    """Of one queue on disk: rows written to it; committed; set aside as unreadable; of the committed those that
    changed nothing, since something later was told meanwhile; not kept (full, or a disk
    error).
    """

    spooled: Counter
    shipped: Counter
    set_aside: Counter
    overtaken: Counter
    lost: Counter
    _rows: Gauge
    _bytes: Gauge
    _oldest: Gauge

    def set_depth(self, rows: int, size: int, oldest_seconds: float) -> None:
        """State how much waits."""
        self._rows.set(rows)
        self._bytes.set(size)
        self._oldest.set(oldest_seconds)


class ModelFigures:
    """Of one model in service: versions taken in, versions refused, the one that answers and since when, and
    whether the registry answers.
    """

    def __init__(
        self, swaps: Counter, refusals: Counter, reachable: Gauge, version: Callable[[str], None]
    ) -> None:
        self.swaps = swaps
        self.refusals = refusals
        self._reachable = reachable
        self._set_version = version

    def set_version(self, version: str) -> None:
        """State the version in service from now on; "": there is none."""
        self._set_version(version)

    def set_reachable(self, reachable: bool) -> None:
        """State whether the registry answered when it was asked last."""
        self._reachable.set(float(reachable))


class FamilyAnswers:
    """Answers for one family of a service of several: by its model, or by what stands in for it."""

    def __init__(self, metrics: ServiceMetrics, family: str, stand_in: str) -> None:
        self._model = metrics.answers("model", family=family)
        self._stand_in = metrics.answers(stand_in, fallback=True, family=family)

    def count(self, number: int, *, by_model: bool) -> None:
        """Count ``number`` answers."""
        if number:
            (self._model if by_model else self._stand_in)(number)


@dataclass(frozen=True)
class CacheFigures:
    """Looks into one cache, to be called with each look: what was found, was too old, or was not there."""

    hit: Count
    stale: Count
    miss: Count


class ServiceMetrics:
    """What every service counts: requests, answers, queues on disk, models in service, caches, the disk.

    Args:
        service: its name, the label ``service`` of all figures.
        home: the folder whose disk is measured at each scrape; None: none is.
    """

    def __init__(self, service: str, home: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        self.service = service
        self._home = home
        self._requests = self.counter("assay_requests", "Requests answered.", "path", "status")
        self._seconds = Histogram(
            "assay_request_seconds",
            "Time to answer.",
            ("service", "path"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._predictions = self.counter("assay_predictions", "Predictions by class.", "family", "answer")
        self._answers = self.counter(
            "assay_answers", "Answers by who gave them.", "family", "answered_by", "fallback"
        )
        self._looks = self.counter("assay_cache_lookups", "Looks into a cache.", "cache", "outcome")
        self._recorded = self.counter(
            "assay_recorded_rows", "Rows on their way to the database.", "queue", "state"
        )
        self._depths = [
            self.gauge(f"assay_queue_{name}", text, "queue")
            for name, text in (
                ("rows", "Rows on disk that wait for the database."),
                ("bytes", "Their size on disk."),
                ("oldest_seconds", "Age of the oldest of them."),
            )
        ]
        self._models = _ModelGauges(self)
        self._disk = [
            self.gauge(f"assay_disk_{name}_bytes", text).labels(service)
            for name, text in (("free", "Free on the disk of ASSAY_HOME."), ("size", "Size of that disk."))
        ]
        self.gauge("assay_replica_info", "1, with the name of this start of this replica.", "replica").labels(
            service, replica_name()
        ).set(1)
        self._cache: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._classes: dict[str | tuple[str, str], Callable[[float], None]] = {}

    @cached_property
    def predictions(self) -> QueueFigures:
        """Figures of the queue of recorded predictions, which services with a model have."""
        return self.queue("predictions")

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A counter with the label ``service`` and others; it is rendered with ``_total`` behind its name."""
        return Counter(name, text, ("service", *labels), registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """A gauge with the label ``service`` and others; of several workers the latest value counts."""
        return Gauge(name, text, ("service", *labels), registry=self.registry, multiprocess_mode="mostrecent")

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count one answered request. ``path`` is one of the service's own, so labels stay few."""
        bound = self._cache.get((path, status))
        if bound is None:
            counter = self._requests.labels(self.service, path, str(status))
            bound = self._cache[(path, status)] = (
                counter.inc,
                self._seconds.labels(self.service, path).observe,
            )
        bound[0]()
        bound[1](seconds)

    def count_prediction(self, answer: str, number: int = 1, family: str | None = None) -> None:
        """Count predictions by their class; ``family`` where it is not the service's name."""
        key = answer if family is None else (family, answer)
        count = self._classes.get(key)
        if count is None:
            labels = self._predictions.labels(self.service, family or self.service, answer)
            count = self._classes[key] = labels.inc
        count(number)

    def count_predictions(self, answers: Sequence[str]) -> None:
        """Count predictions by their classes. Most requests have one."""
        if len(answers) == 1:
            self.count_prediction(answers[0])
            return
        for answer, number in collections.Counter(answers).items():
            self.count_prediction(answer, number)

    def answers(self, by: str, *, fallback: bool = False, family: str | None = None) -> Count:
        """What counts answers that ``by`` gave, bound once; ``fallback``: it stood in for somebody better."""
        labels = self._answers.labels(self.service, family or self.service, by, str(fallback).lower())
        return labels.inc

    def cache(self, name: str) -> CacheFigures:
        """Figures of the cache called ``name``."""
        looks = (self._looks.labels(self.service, name, outcome).inc for outcome in ("hit", "stale", "miss"))
        return CacheFigures(*looks)

    def queue(self, name: str) -> QueueFigures:
        """Figures of one of the service's queues on disk."""
        rows, size, oldest = (gauge.labels(self.service, name) for gauge in self._depths)
        spooled, shipped, set_aside, overtaken, lost = (
            self._recorded.labels(self.service, name, state)
            for state in ("spooled", "shipped", "set_aside", "overtaken", "lost")
        )
        return QueueFigures(spooled, shipped, set_aside, overtaken, lost, rows, size, oldest)

    def model(self, family: str) -> ModelFigures:
        """Figures of the model of ``family``."""
        return self._models.of(family)

    def render(self) -> bytes:
        """All figures as text. Not for the event loop."""
        self._measure_disk()
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self.registry)

    def _measure_disk(self) -> None:
        if self._home is None:
            return
        try:
            found = shutil.disk_usage(self._home)
        except OSError:  # the folder is made when there is something to put into it
            return
        self._disk[0].set(found.free)
        self._disk[1].set(found.total)


class _ModelGauges:
    """The figures of models, of which a service has one or several."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._service = metrics.service
        self._swaps = metrics.counter("assay_model_swaps", "Model versions taken into service.", "family")
        self._refusals = metrics.counter("assay_model_refusals", "Model versions refused.", "family")
        self._version = metrics.gauge("assay_model_version", "Registry version in service; 0: none.", "family")
        self._info = metrics.gauge(
            "assay_model_info",
            "1 for the registry version in service, 0 for one that was.",
            "family",
            "version",
        )
        self._since = metrics.gauge(
            "assay_model_in_service_timestamp_seconds", "When it was put in service.", "family"
        )
        self._reachable = metrics.gauge(
            "assay_registry_reachable", "Whether the registry answered when it was asked last.", "family"
        )

    def of(self, family: str) -> ModelFigures:
        """Those of ``family``."""
        labels = self._service, family
        number, since = self._version.labels(*labels), self._since.labels(*labels)
        current = ""

        def set_version(version: str) -> None:
            nonlocal current
            number.set(float(version) if version.isdigit() else 0)
            since.set_to_current_time()
            if current:
                self._info.labels(*labels, current).set(0)
            if version:
                self._info.labels(*labels, version).set(1)
            current = version

        return ModelFigures(
            self._swaps.labels(*labels), self._refusals.labels(*labels), self._reachable.labels(*labels),
            set_version,
        )  # fmt: skip
