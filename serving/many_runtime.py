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
from serving.rollout_figures import RolloutFigures
from serving.runtime import FIRST_LOOK_SECONDS, GC_THRESHOLD
from serving.security import ApiKey
from serving.shadow import Shadow, connect_shadows
from serving.shipper import Insert
from serving.tracing import request_tracing
from serving.trial import Trial
from serving.watcher import VersionSource, connect_registry


class ManyRuntime:
    """One service of several families in one process.

    Args:
        service: its name: that of its folder and of its figures.
        families: the first one is the one without which a start waits for the registry.
        registry, database, shadows: make the clients; the real ones unless a test gives others.
    """

    def __init__(
        self,
        service: str,
        families: Iterable[str],
        settings: Settings,
        *,
        registry: Callable[[], VersionSource] | None = None,
        database: Callable[[], Insert] | None = None,
        shadows: Callable[[], Insert] | None = None,
    ) -> None:
        self.settings = settings
        self.started_at = datetime.now(UTC)
        self.metrics = ServiceMetrics(service, settings.home)
        self._gc_threshold = gc.get_threshold()
        self.tracing = request_tracing(settings, service, self._versions)
        self.folder = settings.home / "services" / service
        self.recorder = Recorder(
            service,
            self.folder / "spool",
            settings,
            self.metrics,
            database or partial(connect_database, settings),
        )
        self.rollouts = RolloutFigures(self.metrics)
        self.shadow = Shadow(
            self.folder / "shadow",
            settings,
            self.metrics,
            self.rollouts,
            shadows or partial(connect_shadows, settings),
        )
        self.trial = Trial(self.shadow, self.rollouts)
        self.models = ManyModels(
            families,
            settings,
            self.folder,
            self.metrics,
            registry or partial(connect_registry, settings),
            (self.rollouts, self.shadow.begin),
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
            complaints=[*complaints, self.shadow.complaints],
            figures=[*figures, self.shadow.publish_depth],
        )
        return Application([*routes, *common.routes()], ApiKey(self.settings), self.metrics, self.tracing)

    def start(self) -> None:
        """Take the copies on disk into service, then follow the registry and ship records."""
        self.models.load_from_disk()
        self.recorder.start()
        self.shadow.start()
        first = next(iter(self.models.values()))
        self.models.start(wait=0.0 if first.slot.current else FIRST_LOOK_SECONDS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)

    def stop(self) -> None:
        """Stop the threads; what is not shipped stays on disk."""
        gc.set_threshold(*self._gc_threshold)
        self.models.stop(timeout=0.5)
        self.shadow.stop()
        self.recorder.stop()
        if self.tracing is not None:
            self.tracing.stop()

    def _versions(self) -> dict[str, str | None]:
        return {name: self.models.version(name) for name in self.models}
