"""The parts of one family's service, put together and started; a family adds its own endpoints."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from config.log import configure_logging
from config.settings import Settings
from models.family import Family, get_family
from serving.application import Application, Route
from serving.disk_copy import DiskCopy
from serving.endpoints import CommonEndpoints
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot
from serving.recorder import Recorder, connect_database
from serving.rollout_figures import RolloutFigures
from serving.security import ApiKey
from serving.shadow import Shadow, connect_shadows
from serving.shipper import Insert
from serving.tracing import request_tracing
from serving.trial import Trial
from serving.watcher import VersionSource, Watcher, connect_registry

logger = logging.getLogger(__name__)

GC_THRESHOLD = (20_000, 20, 50)
FIRST_LOOK_SECONDS = 5.0


class ServiceRuntime:
    """One service in one process.

    Args:
        registry, database, shadows: make the clients; the real ones unless a test gives others.
    """

    def __init__(
        self,
        family: str,
        settings: Settings,
        *,
        registry: Callable[[], VersionSource] | None = None,
        database: Callable[[], Insert] | None = None,
        shadows: Callable[[], Insert] | None = None,
    ) -> None:
        self.settings = settings
        self.family: Family = get_family(family)
        self.started_at = datetime.now(UTC)
        self.metrics = ServiceMetrics(family, settings.home)
        self._gc_threshold = gc.get_threshold()
        self.slot = ModelSlot()
        self.tracing = request_tracing(settings, family, lambda: {family: self.slot.version})
        folder = settings.home / "services" / family
        self.disk = DiskCopy(folder)
        self.recorder = Recorder(
            family, folder / "spool", settings, self.metrics, database or partial(connect_database, settings)
        )
        self.rollouts = RolloutFigures(self.metrics)
        self.shadow = Shadow(
            folder / "shadow",
            settings,
            self.metrics,
            self.rollouts,
            shadows or partial(connect_shadows, settings),
        )
        self.trial = Trial(self.shadow, self.rollouts)
        self.watcher = Watcher(
            self.family,
            settings,
            self.slot,
            self.disk,
            self.metrics.model(family),
            registry or partial(connect_registry, settings),
            (self.rollouts, self.shadow.begin),
        )

    def application(
        self,
        routes: list[Route],
        openapi: dict[str, Any],
        *,
        fallback: str | None = None,
        complaints: Sequence[Callable[[], list[str]]] = (),
        figures: Sequence[Callable[[], None]] = (),
        health_at: Sequence[str] = (),
    ) -> Application:
        """The ASGI application: the family's routes and the common ones. ``fallback``, ``complaints`` and
        ``figures`` are what :class:`CommonEndpoints` says they are; ``health_at`` are more paths to its health.
        """
        common = CommonEndpoints(
            title=openapi["info"]["title"],
            slot=self.slot,
            watcher=self.watcher,
            recorder=self.recorder,
            metrics=self.metrics,
            openapi=openapi,
            started_at=self.started_at,
            fallback=fallback,
            complaints=[*complaints, self.shadow.complaints],
            figures=[*figures, self.shadow.publish_depth],
        )
        health = [Route(path, "GET", common.health, open_to_all=True) for path in health_at]
        return Application(
            [*routes, *health, *common.routes()], ApiKey(self.settings), self.metrics, self.tracing
        )

    def start(self) -> None:
        """Take the copy on disk into service, then follow the registry and ship records."""
        self.watcher.load_from_disk()
        self.recorder.start()
        self.shadow.start()
        # A worker with nothing on disk takes no request before it has looked: others beside it may answer.
        self.watcher.start(wait=0.0 if self.slot.current else FIRST_LOOK_SECONDS)
        # What is loaded stays: out of the collector's sight. Requests leave no cycles: it need not look often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)

    def stop(self) -> None:
        """Stop the threads; what is not shipped stays on disk."""
        gc.set_threshold(*self._gc_threshold)
        self.watcher.stop(timeout=0.5)
        self.shadow.stop()
        self.recorder.stop()
        if self.tracing is not None:
            self.tracing.stop()


def configure_service_logging(settings: Settings, service: str) -> None:
    """Our logs in our style; of the server below us only what went wrong, and no line a request of its own."""
    configure_logging(settings.log_level, settings.log_format, service)
    for name in ("bentoml", "uvicorn.error", "uvicorn.access", "httpx", "httpcore"):
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
        server.setLevel(logging.WARNING)
