from __future__ import annotations

import re
from typing import Any

import pytest

from config.settings import Settings, load_settings
from serving.viral_app import viral_openapi
from serving.viral_schema import EXAMPLE_ANSWER, EXAMPLE_VIDEO

KEY = {"x-api-key": "a key that is long enough"}


def test_the_root_names_every_endpoint(service: Any) -> None:
    body = service.ask("GET", "/").json()
    assert set(body["endpoints"]) == {
        "/",
        "/health",
        "/predict",
        "/predict/batch",
        "/metrics",
        "/model/info",
        "/model/load",
        "/model",
    }
    assert body["model_version"] == "1"


def test_health_is_ok_with_a_model_and_503_without(service: Any, make_service: Any) -> None:
    assert service.ask("GET", "/health").json()["status"] == "ok"
    empty = service_without_copy(make_service, service)
    answer = empty.ask("GET", "/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


def service_without_copy(make_service: Any, service: Any) -> Any:
    made = make_service()
    made.registry.away = True
    made.runtime.watcher.look()
    return made


def test_health_says_since_when_the_registry_is_away_and_what_serves(service: Any) -> None:
    service.registry.away = True
    service.runtime.watcher.look()
    answer = service.ask("GET", "/health")
    assert answer.status_code == 200
    assert re.fullmatch(
        r"degraded: registry unreachable since \S+, serving version 1 from memory and disk",
        answer.json()["detail"],
    )
    service.registry.away = False
    service.runtime.watcher.look()
    assert service.ask("GET", "/health").json()["status"] == "ok"


def test_health_never_shows_what_a_foreign_error_says(service: Any) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    service.registry.promoted = "2"
    service.registry.files = broken
    service.runtime.watcher.look()
    answer = service.ask("GET", "/health").json()
    assert answer["status"] == "degraded"
    assert "2" in answer["registry"]["refused"]
    assert "hunter2" not in str(answer)


@pytest.mark.parametrize("path", ["/metrics", "/model/info"])
def test_metrics_and_model_info_want_the_api_key(service: Any, path: str) -> None:
    assert service.ask("GET", path).status_code == 401
    assert service.ask("GET", path, headers={"x-api-key": "wrong"}).status_code == 401
    assert service.ask("GET", path, headers={"x-api-key": b"\xff\xfe"}).status_code == 401
    assert service.ask("GET", path, headers=KEY).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/model/info"])
def test_without_a_configured_key_they_say_so(make_service: Any, tmp_path: Any, path: str) -> None:
    service = make_service(load_settings(assay_home=tmp_path))
    answer = service.ask("GET", path, headers={"x-api-key": ""})
    assert answer.status_code == 503
    assert "ML_API_KEY" in answer.json()["detail"]


def test_every_prediction_wants_the_key_where_the_setting_says_so(make_service: Any, tmp_path: Any) -> None:
    service = make_service(
        load_settings(assay_home=tmp_path, ml_api_key=KEY["x-api-key"], require_api_key=True)
    )
    service.registry.promote("1", b"one")
    service.runtime.watcher.look()
    assert service.ask("POST", "/predict", json={"views": 1}).status_code == 401
    assert service.ask("POST", "/predict", json={"views": 1}, headers=KEY).status_code == 200
    assert service.ask("GET", "/health").status_code == 200


def test_model_info_tells_what_is_served_since_when_and_from_which_data(service: Any) -> None:
    body = service.ask("GET", "/model/info", headers=KEY).json()
    assert body["model_version"] == "1"
    assert body["dataset"] == "viral/full/2026-10"
    assert body["metrics"] == {"macro_f1": 0.7}
    assert body["serving_since"]
    assert body["model"]["family"] == "viral"


def test_metrics_count_requests_predictions_and_the_queue(service: Any) -> None:
    for body in ({"views": 1}, {"views": 600_000}, {"views": "x"}):
        service.ask("POST", "/predict", json=body)
    text = service.ask("GET", "/metrics", headers=KEY).text
    assert 'assay_requests_total{path="/predict",service="viral",status="200"} 2.0' in text
    assert 'assay_requests_total{path="/predict",service="viral",status="422"} 1.0' in text
    assert 'assay_predictions_total{answer="high",family="viral",service="viral"} 1.0' in text
    assert 'assay_queue_rows{queue="predictions",service="viral"} 2.0' in text
    service.runtime.recorder.spool.rotate()
    service.runtime.recorder.shipper.ship()
    text = service.ask("GET", "/metrics", headers=KEY).text
    assert 'assay_recorded_rows_total{queue="predictions",service="viral",state="shipped"} 2.0' in text
    assert 'assay_queue_rows{queue="predictions",service="viral"} 0.0' in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("POST", "/health", 405), ("GET", "/nothing", 404),
     ("GET", "/../etc/passwd", 404), ("HEAD", "/health", 200), ("GET", "/health/", 200)],
)  # fmt: skip
def test_other_methods_and_paths(service: Any, method: str, path: str, status: int) -> None:
    answer = service.ask(method, path)
    assert answer.status_code == status
    if status == 405:
        assert answer.headers["allow"] in ("GET", "POST")
    if method == "HEAD":
        assert not answer.content


def test_spellings_of_a_path_are_counted_as_one(service: Any) -> None:
    for path in ("/health", "/health/", "/health//", "/health///"):
        service.ask("GET", path)
    text = service.ask("GET", "/metrics", headers=KEY).text
    assert 'assay_requests_total{path="/health",service="viral",status="200"} 2.0' in text
    assert 'assay_requests_total{path="other",service="viral",status="404"} 2.0' in text


def test_the_documentation_has_one_address(service: Any) -> None:
    answer = service.ask("GET", "/docs/")
    assert (answer.status_code, answer.headers["location"]) == (308, "../docs")


def test_the_documentation_loads_nothing_from_elsewhere(service: Any) -> None:
    page = service.ask("GET", "/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in page.text
    links = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert service.ask("GET", f"/{link}").status_code == 200


def test_the_openapi_document_describes_requests_that_are_accepted(
    service: Any, service_settings: Settings
) -> None:
    import jsonschema

    document = viral_openapi(service_settings)
    assert service.ask("GET", "/openapi.json").json() == document
    resolver = {"components": document["components"]}
    request = {**resolver, "$ref": "#/components/schemas/PredictRequest"}
    jsonschema.validate(EXAMPLE_VIDEO, request)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"views": -1}, request)
    answer = service.ask("POST", "/predict", json=EXAMPLE_VIDEO).json()
    for body in (answer, EXAMPLE_ANSWER):
        jsonschema.validate(body, {**resolver, "$ref": "#/components/schemas/Prediction"})
    batch = service.ask("POST", "/predict/batch", json={"videos": [EXAMPLE_VIDEO]}).json()
    jsonschema.validate(batch, {**resolver, "$ref": "#/components/schemas/BatchPrediction"})
