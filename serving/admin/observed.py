"""Counts and times each answer of the pages; gives each request its id and, where traces are on, a span."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import nullcontext
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.context import set_request_id
from serving.application import OTHER
from serving.metrics import ServiceMetrics
from serving.request_ids import given_request_id, new_request_id
from serving.tracing import RequestTracing


class Observed:
    """The outermost middleware of ours; what an endpoint raises is counted as 500 and raised on."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, tracing: RequestTracing | None) -> None:
        self.app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id")
        identity = given_request_id(given.encode("latin-1") if given else None) or new_request_id()
        set_request_id(identity)
        status, started = 500, perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = identity
            await send(message)

        tracing = self._tracing
        span = tracing.opened(scope, OTHER, headers.get("traceparent")) if tracing else nullcontext()
        with span as opened:
            try:
                await self.app(scope, receive, watched)
            finally:
                self._metrics.observe(route_of(scope), status, perf_counter() - started)
                if tracing is not None and opened is not None:
                    tracing.routed(opened, scope["method"], route_of(scope))
                    tracing.answered(opened, status)


def route_of(scope: MutableMapping[str, Any]) -> str:
    """The path of the route that answered, as it is written in the code."""
    return str(getattr(scope.get("route"), "path", OTHER))
