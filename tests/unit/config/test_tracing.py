from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.context import passed_on, set_request_id, trace_id
from config.settings import load_settings
from config.tracing import Tracing, start_tracing
from tests.collector import Collector, collecting


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def tracing_to(url: str, home: Path) -> Tracing:
    made = start_tracing(load_settings(assay_home=home, otel_exporter_otlp_endpoint=url), "viral")
    assert made is not None
    return made


def test_without_an_endpoint_there_is_none_and_nothing_of_it_is_imported() -> None:
    code = (
        "import sys\n"
        "from config.settings import load_settings\n"
        "from config.tracing import start_tracing\n"
        "import serving.viral_app, serving.gateway.app, serving.runtime\n"
        "assert start_tracing(load_settings(), 'viral') is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    environment = {"PATH": "", "PYTHONPATH": str(Path(__file__).parents[3])}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_a_span_reaches_the_collector_with_what_it_is_about(collector: Collector, tmp_path: Path) -> None:
    tracing = tracing_to(f"{collector.url}/", tmp_path)
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with tracing.request("POST /predict", parent, {"http.route": "/predict"}):
        inside = trace_id()
        with pytest.raises(ValueError), tracing.work("fit", passed_on().get("traceparent"), {}):
            raise ValueError("no")
    tracing.stop(10)
    assert passed_on().get("traceparent") is None
    assert collector.paths == {"/v1/traces"}
    work, request = collector.of("viral")
    assert (request.name, request.parent_id, request.failed) == ("POST /predict", "cd" * 8, False)
    assert request.attributes == {"http.route": "/predict"}
    assert (work.name, work.parent_id, work.failed) == ("fit", request.span_id, True)
    assert inside == work.trace_id == request.trace_id == "ab" * 16


def test_a_header_that_is_no_traceparent_begins_a_new_trace(collector: Collector, tmp_path: Path) -> None:
    tracing = tracing_to(collector.url, tmp_path)
    for header in ("", "nonsense", f"00-{'0' * 32}-{'cd' * 8}-01", None):
        with tracing.request("GET /", header, {}):
            pass
    tracing.stop(10)
    assert [one.parent_id for one in collector.spans] == [""] * 4
    assert len({one.trace_id for one in collector.spans}) == 4


def test_whoever_is_asked_is_told_the_request_and_the_span(collector: Collector, tmp_path: Path) -> None:
    assert passed_on() == {}
    tracing = tracing_to(collector.url, tmp_path)
    set_request_id("r-1")
    with tracing.request("GET /", None, {}):
        headers = passed_on()
    set_request_id(None)
    tracing.stop(10)
    (span,) = collector.spans
    assert headers["x-request-id"] == "r-1"
    version, trace, parent, flags = headers["traceparent"].split("-")
    assert (version, trace, parent) == ("00", span.trace_id, span.span_id)
    assert int(flags, 16) & 1  # sampled


def test_a_trace_that_is_not_sampled_is_passed_on_and_not_sent(collector: Collector, tmp_path: Path) -> None:
    tracing = tracing_to(collector.url, tmp_path)
    with tracing.request("GET /", f"00-{'ab' * 16}-{'cd' * 8}-00", {}):
        headers = passed_on()
    tracing.stop(10)
    assert not int(headers["traceparent"].split("-")[3], 16) & 1
    assert collector.spans == []


def test_a_collector_that_is_away_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.tracing.EXPORT_SECONDS", 0.1)
    tracing = tracing_to("http://127.0.0.1:9", tmp_path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with tracing.request("GET /", None, {}):
                pass
            tracing._provider.force_flush()
        tracing.stop(10)
    assert [record.message for record in caplog.records] == [
        "no traces: the collector at http://127.0.0.1:9/v1/traces does not take them"
    ]
