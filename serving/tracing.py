"""A span a request: its route, status and request id, and the versions in service when it came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from config.context import request_id
from config.settings import Settings
from config.tracing import Tracing, start_tracing
from serving.http import Request

if TYPE_CHECKING:
    from opentelemetry.trace import Span

#: family -> the version in service; None: the fallback answers.
Versions = Callable[[], Mapping[str, str | None]]


class RequestTracing:
    """Makes and completes the spans of requests; names are those of OpenTelemetry's semantic conventions.

    Args:
        tracing: of this process.
        versions: asked at the beginning of each request.
    """

    def __init__(self, tracing: Tracing, versions: Versions = dict) -> None:
        self._tracing = tracing
        self._versions = versions

    def request(self, request: Request, route: str) -> AbstractContextManager[Span]:
        """The span of ``request``, open while the block runs."""
        parent = request.header(b"traceparent")
        return self.opened(request.scope, route, parent.decode("latin-1") if parent else None)

    def opened(self, scope: Mapping[str, Any], route: str, parent: str | None) -> AbstractContextManager[Span]:
        """The same of an ASGI scope; ``parent`` is the header ``traceparent``."""
        attributes = {
            "http.request.method": scope["method"],
            "http.route": route,
            "url.path": scope["path"],
            **{
                f"assay.model_version.{family}": version or "none"
                for family, version in self._versions().items()
            },
        }
        return self._tracing.request(f"{scope['method']} {route}", parent, attributes)

    def routed(self, span: Span, method: str, route: str) -> None:
        """Tell the route where it was not known at the beginning."""
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)

    def answered(self, span: Span, status: int) -> None:
        """Tell how the request ended."""
        span.set_attribute("http.response.status_code", status)
        if identity := request_id():
            span.set_attribute("assay.request_id", identity)
        if status >= 500:
            self._tracing.failed(span)

    def stop(self) -> None:
        """Send what is left, within a second."""
        self._tracing.stop()


def request_tracing(settings: Settings, service: str, versions: Versions = dict) -> RequestTracing | None:
    """The tracing of a service's requests; None where no endpoint is set."""
    tracing = start_tracing(settings, service)
    return None if tracing is None else RequestTracing(tracing, versions)
