"""What the gateway answers beside its work: where to go, how it is, its figures and its documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from serving.application import Route
from serving.docs_page import docs_asset, docs_page
from serving.gateway.answers import as_json
from serving.gateway.models_api import overall
from serving.gateway.services import Services
from serving.http import Request, Response
from serving.metrics import CONTENT_TYPE, ServiceMetrics


class CommonApi:
    """Handlers that ask for no token.

    Args:
        openapi: makes the document, once it is asked for: a start does not wait for it.
        complaints: parts of the gateway, asked what is not as it should be.
    """

    def __init__(
        self,
        services: Services,
        metrics: ServiceMetrics,
        openapi: Callable[[], dict[str, Any]],
        complaints: Sequence[Callable[[], list[str]]],
    ) -> None:
        self._services = services
        self._metrics = metrics
        self._document = lru_cache(openapi)
        self._complaints = complaints
        self._started_at = datetime.now(UTC)

    def routes(self) -> list[Route]:
        """Their routes; figures alone need the API key."""
        return [
            Route("/", "GET", self.info, open_to_all=True),
            Route("/health", "GET", self.health, open_to_all=True),
            Route("/metrics", "GET", self.metrics, needs_key=True),
            Route("/openapi.json", "GET", self.openapi, open_to_all=True),
            Route("/docs", "GET", docs_page, open_to_all=True),
            *(
                Route(f"/docs/{name}", "GET", docs_asset, open_to_all=True)
                for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")
            ),
        ]

    async def info(self, _: Request) -> Response:
        """What this is, and where to go."""
        document = self._document()
        return as_json(
            {
                "service": document["info"]["title"],
                "started_at": self._started_at,
                "endpoints": {
                    path: [method.upper() for method in methods] for path, methods in document["paths"].items()
                },
                "documentation": "/docs",
                "openapi": "/openapi.json",
            }
        )

    async def health(self, _: Request) -> Response:
        """``ok``, or ``degraded`` with the reasons; 503 where no service answers at all."""
        found = overall(await self._services.health())
        complaints = [said for ask in self._complaints for said in ask()]
        complaints += [
            f"{name}: {one.get('detail', one.get('status'))}"
            for name, one in found["services"].items()
            if one.get("status") != "ok"
        ]
        status = "degraded" if complaints and found["status"] == "ok" else found["status"]
        detail = f"{status}: {'; '.join(complaints)}" if complaints else status
        return as_json({**found, "status": status, "detail": detail}, 503 if status == "unavailable" else 200)

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format."""
        return Response(await asyncio.to_thread(self._metrics.render), content_type=CONTENT_TYPE)

    async def openapi(self, _: Request) -> Response:
        """The OpenAPI document."""
        return Response(orjson.dumps(self._document()))
