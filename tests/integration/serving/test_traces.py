"""Traces over real connections: from the gateway to a service, and with the collector away or silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from config.settings import Settings
from serving.disk_copy import DiskCopy
from tests.collector import Collector, collecting
from tests.serving_world import KEY, gateway, service_settings, viral
from tests.viral_world import trained

HEADERS = {"x-api-key": KEY, "x-request-id": "asked-by-a-test"}
QUESTION = {
    "content_id": "v1",
    "engagement_data": {"views": 900, "likes": 90, "comments": 9, "shares": 3},
    "content_data": {"duration": 30},
}
VIDEO = {"video_id": "v1", "views": 900, "likes": 90, "comments": 9, "shares": 3, "explain": 0}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def platform(settings: Settings, endpoint: str | None) -> Settings:
    """Settings of services that send traces to ``endpoint``, with a viral version on disk."""
    made = service_settings(settings).model_copy(update={"otel_exporter_otlp_endpoint": endpoint})
    DiskCopy(made.home / "services" / "viral").save("3", trained()[0].to_files(), {})
    return made


def answers(url: str, number: int) -> list[Any]:
    with httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
        given = [client.post("/predict", json=VIDEO) for _ in range(number)]
    assert {one.status_code for one in given} == {200}
    return [one.json()["probabilities"] for one in given]


def test_gateway_and_service_share_a_trace_and_a_request_id(settings: Settings, collector: Collector) -> None:
    with gateway(platform(settings, collector.url), ("viral",)) as url:
        answer = httpx.post(
            f"{url}/api/v1/ml/viral-prediction", json=QUESTION, headers=HEADERS, trust_env=False
        )
    assert answer.json()["viral_class"] is not None, answer.text
    (front,) = (one for one in collector.of("gateway") if "viral-prediction" in one.name)
    (behind,) = (one for one in collector.of("viral") if one.name == "POST /predict")
    assert (behind.trace_id, behind.parent_id) == (front.trace_id, front.span_id)
    assert front.parent_id == ""
    assert behind.attributes["assay.model_version.viral"] == "3"
    ids = {one.attributes["assay.request_id"] for one in (front, behind)}
    assert ids == {"asked-by-a-test"} == {answer.headers["x-request-id"]}


def test_a_collector_that_is_away_or_silent_changes_no_answer(settings: Settings, collector: Collector) -> None:
    with viral(platform(settings, None)) as url:
        right = answers(url, 1)[0]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    collector.silent.set()
    for endpoint in (nobody, collector.url):
        with viral(platform(settings, endpoint)) as url:
            given = answers(url, 3000)  # more than are kept while nobody takes them
        assert all(one == right for one in given)
    assert collector.spans == []
