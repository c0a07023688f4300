"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing of it is imported.

A span is sent by a thread of its own: no request waits for the collector, and none fails where it is away.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from config.context import reset_traceparent, set_traceparent
from config.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

logger = logging.getLogger(__name__)

NAMESPACE = "assay"
#: What is not sent so long after a process was told to end is lost.
STOP_SECONDS = 1.0
#: The collector may take so long over a batch. While it is away spans wait in memory, the newest 2048 of them.
EXPORT_SECONDS = 5.0


class Tracing:
    """Makes the spans of one process.

    Args:
        provider: of OpenTelemetry's SDK; its spans go where it sends them.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._empty = Context()
        self._propagator = TraceContextTextMapPropagator()
        self._provider = provider
        self._tracer = provider.get_tracer(NAMESPACE)

    @contextmanager
    def request(self, name: str, parent: str | None, attributes: Mapping[str, Any]) -> Iterator[Span]:
        """The span of a request that is being answered; ``parent`` is the header ``traceparent``."""
        with self._open(name, self._trace.SpanKind.SERVER, parent, attributes) as span:
            yield span

    @contextmanager
    def work(self, name: str, parent: str | None, attributes: Mapping[str, Any]) -> Iterator[Span]:
        """The span of a piece of work; what it raises is noted."""
        with self._open(name, self._trace.SpanKind.INTERNAL, parent, attributes) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
                raise

    def failed(self, span: Span) -> None:
        """Say that what ``span`` is about went wrong."""
        span.set_status(self._trace.StatusCode.ERROR)

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Send what is left, and wait no longer than ``timeout`` seconds for it."""
        thread = threading.Thread(target=self._provider.shutdown, name="tracing-stop", daemon=True)
        thread.start()
        thread.join(timeout)

    @contextmanager
    def _open(self, name: str, kind: Any, parent: str | None, attributes: Mapping[str, Any]) -> Iterator[Span]:
        span = self._tracer.start_span(name, self._context(parent), kind, dict(attributes))
        found = span.get_span_context()
        flags = int(found.trace_flags)
        token = set_traceparent(f"00-{found.trace_id:032x}-{found.span_id:016x}-{flags:02x}")
        try:
            yield span
        finally:
            reset_traceparent(token)
            span.end()

    def _context(self, parent: str | None) -> Any:
        """What to hang a span on. A header that is none begins a new trace, as the standard asks."""
        if parent is None:
            return self._empty
        return self._propagator.extract({"traceparent": parent}, self._empty)


def start_tracing(settings: Settings, service: str) -> Tracing | None:
    """Tracing of this process; None where no endpoint is set.

    The SDK's own variables hold, such as OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):  # each batch that fails; we say so once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": NAMESPACE,
            "deployment.environment.name": settings.assay_env,
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = told_once(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS), endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


def told_once(exporter: SpanExporter, endpoint: str) -> SpanExporter:
    """``exporter``, which logs once that the collector is away, and once that it is back."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Told(SpanExporter):
        away = False

        def export(self, spans: Any) -> SpanExportResult:
            result = exporter.export(spans)
            away = result is not SpanExportResult.SUCCESS
            if away and not self.away:
                # without what may stand before the host: a login is no matter for a log
                place = endpoint.rpartition("@")[2] if "@" in endpoint else endpoint
                logger.warning("no traces: the collector at %s does not take them", place)
            elif self.away and not away:
                logger.info("the collector takes traces again")
            self.away = away
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Told()
