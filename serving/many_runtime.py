"""The parts of a service that answers for several families, put together and started."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from config.settings import Settings
from serving.application import Application, Route
from serving.many_endpoints import ManyEndpoints
from serving.many_models import ManyModels
from serving.metrics import ServiceMetrics
from serving.recorder import Recorder, connect_database
from serving.runtime import FIRST_LOOK_SECONDS, GC_THRESHOLD
from serving.security import ApiKey
from serving.shipper import Insert
from serving.watcher import VersionSource, connect_registry


class ManyRuntime:
    """One service of several families in one process.

    Args:
        service: its name: that of its folder and of its figures.
        families: the first one is the one without which a start waits for the registry.
        registry, database: make the clients; the real ones unless a test gives others.
    """

    def __init__(
        self,
        service: str,
        families: Iterable[str],
        settings: Settings,
        *,
        registry: Callable[[], VersionSource] | None = None,
        database: Callable[[], Insert] | None = None,
    ) -> None:
        self.settings = settings
        self.started_at = datetime.now(UTC)
        self.metrics = ServiceMetrics(service)
        self._gc_threshold = gc.get_threshold()
        self.folder = settings.home / "services" / service
        self.recorder = Recorder(
            service,
            self.folder / "spool",
            settings,
            self.metrics,
            database or partial(connect_database, settings),
        )
        self.models = ManyModels(
            service,
            families,
            settings,
            self.folder,
            self.metrics,
            registry or partial(connect_registry, settings),
        )

    def application(
        self,
        routes: list[Route],
        openapi: dict[str, Any],
        *,
        fallback: str,
        complaints: Sequence[Callable[[], list[str]]] = (),
        figures: Sequence[Callable[[], None]] = (),
    ) -> Application:
        """The ASGI application: the service's own routes, and the common ones. ``fallback`` says what is
        answered by a family without a model.
        """
        common = ManyEndpoints(
            self.models,
            title=openapi["info"]["title"],
            recorder=self.recorder,
            metrics=self.metrics,
            openapi=openapi,
            started_at=self.started_at,
            fallback=fallback,
            complaints=complaints,
            figures=figures,
        )
        return Application([*routes, *common.routes()], ApiKey(self.settings), self.metrics)

    def start(self) -> None:
        """Take the copies on disk into service, then follow the registry and ship records."""
        self.models.load_from_disk()
        self.recorder.start()
        first = next(iter(self.models.values()))
        self.models.start(wait=0.0 if first.slot.current else FIRST_LOOK_SECONDS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)

    def stop(self) -> None:
        """Stop the threads; what is not shipped stays on disk."""
        gc.set_threshold(*self._gc_threshold)
        self.models.stop(timeout=0.5)
        self.recorder.stop()
