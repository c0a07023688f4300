"""A span a request where an endpoint is set, and lines of the log that say what they belong to."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from config.context import request_id, set_request_id
from config.log import JsonFormatter
from serving.threads import in_pool
from tests.collector import Collector, collecting
from tests.operations_world import admin, ask, away_settings


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def traced(make_service: Callable[..., Any], service_settings: Any, collector: Collector) -> Any:
    """A viral service with version 1 that sends its traces to ``collector``."""
    changed = {"otel_exporter_otlp_endpoint": collector.url}
    service = make_service(service_settings.model_copy(update=changed))
    service.registry.promote("1", b"one")
    service.runtime.watcher.look()
    return service


def test_a_request_is_a_span_with_its_route_status_version_and_id(traced: Any, collector: Collector) -> None:
    headers = {"x-request-id": "r-7", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    assert traced.ask("POST", "/predict", json={"views": 1}, headers=headers).status_code == 200
    assert traced.ask("POST", "/predict", json={"views": "x"}).status_code == 422
    assert traced.ask("GET", "/nowhere/at/all").status_code == 404
    traced.runtime.tracing.stop()
    good, faulty, lost = collector.of("viral")
    assert (good.name, good.trace_id, good.parent_id) == ("POST /predict", "ab" * 16, "cd" * 8)
    assert good.attributes == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "url.path": "/predict",
        "assay.model_version.viral": "1",
        "http.response.status_code": 200,
        "assay.request_id": "r-7",
    }
    assert (faulty.attributes["http.response.status_code"], faulty.failed) == (422, False)
    assert (lost.name, lost.attributes["url.path"]) == ("GET other", "/nowhere/at/all")


def test_a_request_that_breaks_is_a_span_that_failed(traced: Any, collector: Collector) -> None:
    traced.runtime.slot.current.predictor.predict_one = None
    assert traced.ask("POST", "/predict", json={"views": 1}).status_code == 500
    traced.runtime.tracing.stop()
    (span,) = collector.spans
    assert span.failed


def test_lines_of_a_traced_request_name_it_and_its_trace(traced: Any, collector: Collector) -> None:
    lines: list[dict[str, Any]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter("viral").format(record)))

    handler, logger = Kept(), logging.getLogger("serving.application")
    logger.addHandler(handler)
    try:
        traced.runtime.slot.current.predictor.predict_one = None
        traced.ask("POST", "/predict", json={"views": 1}, headers={"x-request-id": "r-8"})
    finally:
        logger.removeHandler(handler)
    traced.runtime.tracing.stop()
    (line,) = lines
    (span,) = collector.spans
    assert (line["service"], line["request_id"], line["trace_id"]) == ("viral", "r-8", span.trace_id)


def test_the_pages_are_traced_and_counted_by_their_routes(tmp_path: Path, collector: Collector) -> None:
    application, close = admin(away_settings(tmp_path, otel_exporter_otlp_endpoint=collector.url))
    page = ask(application, "GET", "/login", headers={"x-request-id": "r-9"})
    nowhere = ask(application, "GET", "/nowhere")
    assert (page.headers["x-request-id"], nowhere.status_code) == ("r-9", 404)
    assert nowhere.headers["x-request-id"] != "r-9"
    assert ask(application, "GET", "/metrics").status_code == 401
    text = ask(application, "GET", "/metrics", headers={"x-api-key": "a key that is long enough"}).text
    application.state.tracing.stop()
    close()
    assert f'assay_requests_total{{path="/login",service="admin",status="{page.status_code}"}} 1.0' in text
    assert 'assay_requests_total{path="other",service="admin",status="404"} 1.0' in text
    names = [span.name for span in collector.of("admin")]
    assert names == ["GET /login", "GET other", "GET /metrics", "GET /metrics"]
    assert collector.spans[0].attributes["assay.request_id"] == "r-9"


def test_work_in_a_pool_knows_whose_request_it_is_for() -> None:
    async def request(pool: ThreadPoolExecutor, identity: str) -> str | None:
        set_request_id(identity)
        return await in_pool(pool, request_id)

    async def both(pool: ThreadPoolExecutor) -> list[str | None]:
        return await asyncio.gather(request(pool, "one"), request(pool, "two"))

    with ThreadPoolExecutor(2) as pool:
        assert asyncio.run(both(pool)) == ["one", "two"]
