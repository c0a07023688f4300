"""Figures that the pages show to Prometheus: when each flow ended well last, and what the monitor has found."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from config.errors import AssayError, DatabaseError
from serving.admin.parts import AdminParts
from serving.metrics import CONTENT_TYPE, ServiceMetrics
from serving.problems import Problem
from serving.security import ApiKey
from storage.monitor_findings import open_findings

logger = logging.getLogger(__name__)

#: Prefect is asked about some twenty deployments, and no more often than this.
ASK_PREFECT_SECONDS = 60.0
#: What is about the platform, and not about one family.
PLATFORM = "platform"


class AdminFigures:
    """Brought up to date by a scrape. ``clock``: seconds that only grow."""

    def __init__(
        self, metrics: ServiceMetrics, parts: AdminParts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._parts = parts
        self._clock = clock
        self._asked_at = float("-inf")
        self._lock = threading.Lock()
        self._success = metrics.gauge(
            "assay_flow_last_success_timestamp_seconds",
            "When a run of a scheduled deployment that is not paused ended well last.",
            "deployment",
        )
        self._findings = metrics.gauge(
            "assay_monitor_findings", "Findings of the monitor that are open.", "family", "severity"
        )
        self._database, self._prefect = (
            metrics.gauge(f"assay_{name}_reachable", f"Whether {text} answered when it was asked last.").labels(
                metrics.service
            )
            for name, text in (("database", "the database"), ("prefect", "Prefect"))
        )

    def render(self) -> bytes:
        """All figures of the pages as text. Blocks; what is away costs its own figures alone."""
        with self._lock:
            self._count_findings()
            if self._clock() - self._asked_at >= ASK_PREFECT_SECONDS:
                self._asked_at = self._clock()
                self._ask_prefect()
            return self._metrics.render()

    def _count_findings(self) -> None:
        try:
            found = open_findings(self._parts.engine)
        except DatabaseError as error:
            self._away("the database", error)
            self._database.set(0)
            return
        self._database.set(1)
        self._findings.clear()
        for (family, severity), number in Counter((one.family, one.severity) for one in found).items():
            self._findings.labels(self._metrics.service, family or PLATFORM, severity).set(number)

    def _ask_prefect(self) -> None:
        try:
            with self._parts.prefect() as client:
                ended = {
                    one.name: client.last_success(one.id)
                    for one in client.deployments()
                    if one.cron is not None and not one.paused
                }
        except AssayError as error:
            self._away("Prefect", error)
            self._prefect.set(0)
            return
        self._prefect.set(1)
        self._success.clear()
        for name, at in ended.items():
            if at is not None:
                self._success.labels(self._metrics.service, name).set(at.timestamp())

    @staticmethod
    def _away(who: str, error: AssayError) -> None:
        logger.warning("%s does not tell its figures: %s", who, error)


async def metrics_page(request: Request) -> Response:
    """Prometheus' text format, for whoever has the API key."""
    figures: AdminFigures = request.app.state.figures
    given = request.headers.get("x-api-key")
    try:
        ApiKey(request.app.state.parts.settings).check(given.encode("latin-1") if given is not None else None)
    except Problem as problem:
        headers = {name.decode(): value.decode() for name, value in problem.headers}
        return Response(problem.body(), problem.status, headers, "application/problem+json")
    return Response(await run_in_threadpool(figures.render), media_type=CONTENT_TYPE.decode())
