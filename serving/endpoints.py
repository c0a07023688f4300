"""The endpoints that every family's service has beside its own: info, health, metrics, model, documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from serving.application import Route
from serving.docs_page import docs_asset, docs_page
from serving.http import Request, Response
from serving.metrics import CONTENT_TYPE, ServiceMetrics
from serving.model_slot import ModelSlot, ServedModel
from serving.problems import Problem
from serving.recorder import Recorder
from serving.watcher import Watcher

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class CommonEndpoints:
    """Handlers over the parts of one service.

    Args:
        fallback: what answers while there is no model, in words; None: nothing does.
        complaints: other parts of the service, asked what is not as it should be.
        figures: other parts of the service, told to bring their gauges up to date before a scrape. They run
            in a thread.
    """

    def __init__(
        self,
        *,
        title: str,
        slot: ModelSlot,
        watcher: Watcher,
        recorder: Recorder,
        metrics: ServiceMetrics,
        openapi: dict[str, Any],
        started_at: datetime,
        fallback: str | None = None,
        complaints: Sequence[Callable[[], list[str]]] = (),
        figures: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._title = title
        self._slot = slot
        self._watcher = watcher
        self._recorder = recorder
        self._fallback = fallback
        self._complaints = (slot.complaints, *complaints, recorder.complaints)
        self._figures = (recorder.publish_depth, *figures)
        self._metrics = metrics
        self._openapi = orjson.dumps(openapi)
        self._paths = {
            path: [method.upper() for method in methods] for path, methods in openapi["paths"].items()
        }
        self._started_at = started_at

    def routes(self) -> list[Route]:
        """Their routes; health and documentation need no key."""
        return [
            Route("/", "GET", self.info, open_to_all=True),
            Route("/health", "GET", self.health, open_to_all=True),
            Route("/metrics", "GET", self.metrics, needs_key=True),
            Route("/model/info", "GET", self.model_info, needs_key=True),
            *self.load_routes(),
            Route("/openapi.json", "GET", self.openapi, open_to_all=True),
            Route("/docs", "GET", docs_page, open_to_all=True),
            *(
                Route(f"/docs/{name}", "GET", docs_asset, open_to_all=True)
                for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")
            ),
        ]

    def load_routes(self) -> list[Route]:
        """Those that load a model and take it out of memory."""
        return [
            Route("/model/load", "POST", self.load, needs_key=True),
            Route("/model", "DELETE", self.unload, needs_key=True),
        ]

    async def info(self, _: Request) -> Response:
        """What this is, which version answers, and where to go."""
        model = self._slot.current
        return as_json(
            {
                "service": self._title,
                "model_version": model.version if model else None,
                "started_at": self._started_at,
                "endpoints": self._paths,
                "documentation": "/docs",
                "openapi": "/openapi.json",
            }
        )

    async def health(self, _: Request) -> Response:
        """``ok``, ``degraded`` with the reasons while it answers, ``unavailable`` (503) if nothing answers."""
        model, view = self._slot.current, self._slot.registry
        complaints = [said for ask in self._complaints for said in ask()]
        if model is None and self._fallback:
            complaints.insert(0, f"{self._fallback} answers")
        answers = model is not None or self._fallback is not None
        status = "unavailable" if not answers else "degraded" if complaints else "ok"
        detail = f"{status}: {'; '.join(complaints)}" if complaints else status
        body = {
            "status": status,
            "detail": detail,
            "model_version": model.version if model else None,
            "serving_since": model.since if model else None,
            "source": model.source if model else None,
            "registry": {
                "reachable": view.reachable,
                "unreachable_since": view.unreachable_since,
                "production": view.production,
                "checked_at": view.checked_at,
                "refused": view.refused,
            },
            "rollout": rollout_standing(self._slot),
        }
        return as_json(body, 200 if answers else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format."""
        return Response(await asyncio.to_thread(self._render), content_type=CONTENT_TYPE)

    def _render(self) -> bytes:
        for publish in self._figures:
            publish()
        return self._metrics.render()

    async def model_info(self, _: Request) -> Response:
        """What is served, since when, from which dataset version, with which figures."""
        model = self._slot.current
        if model is None:
            raise Problem(503, self._slot.why_empty())
        return as_json(described(self._slot, model))

    async def load(self, _: Request) -> Response:
        """Load the model that is to serve; answers when it does, or says why it does not."""
        await load(self._watcher)
        return as_json(standing(self._slot))

    async def unload(self, _: Request) -> Response:
        """Take the model out of memory until it is loaded again; the fallback answers meanwhile."""
        await unload(self._watcher)
        return as_json(standing(self._slot))

    async def openapi(self, _: Request) -> Response:
        """The OpenAPI document."""
        return Response(self._openapi)


async def load(watcher: Watcher) -> None:
    """Load a model. Raises Problem 503: the disk refused."""
    try:
        await asyncio.to_thread(watcher.load)
    except OSError as error:
        raise Problem(503, f"The model cannot be loaded: the disk refused ({error.strerror}).") from None


async def unload(watcher: Watcher) -> None:
    """Take a model out of memory. Raises Problem 503: the disk refused."""
    try:
        await asyncio.to_thread(watcher.unload)
    except OSError as error:
        raise Problem(503, f"The model cannot be unloaded: the disk refused ({error.strerror}).") from None


def described(slot: ModelSlot, model: ServedModel) -> dict[str, Any]:
    """What is served, and the version that is tried beside it."""
    return {**model.describe(), "rollout": slot.rollout.describe() if slot.rollout else None}


def rollout_standing(slot: ModelSlot) -> dict[str, Any] | None:
    """Which version is tried, how, and which one should be and is not; None where there is neither."""
    rollout = slot.rollout
    if rollout is None:
        return {"refused": slot.rollout_refused} if slot.rollout_refused else None
    return {
        "model_version": rollout.model.version,
        "mode": rollout.mode,
        "share": rollout.share,
        "refused": slot.rollout_refused,
    }


def standing(slot: ModelSlot) -> dict[str, Any]:
    """Whether a model is in service, which, and why not where it is not."""
    model = slot.current
    return {
        "loaded": model is not None,
        "model_version": model.version if model else None,
        "detail": None if model else slot.why_empty(),
    }


def as_json(body: dict[str, Any], status: int = 200) -> Response:
    """An answer, with times in UTC."""
    return Response(orjson.dumps(body, option=_OPTIONS), status)
