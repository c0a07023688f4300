from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.viral_schema import MAX_BATCH, BatchRequest, PredictRequest

KEY_FIELDS = {"viral_class", "viral_score", "confidence", "probabilities", "top_features", "model_version"}

BAD_FIELDS: list[tuple[bytes, str, str]] = [
    (b'{"views": "150000"}', "views", "views must be a whole number, not a text."),
    (b'{"views": -1}', "views", "views must be 0 or more, not -1."),
    (b'{"views": NaN}', "views", "views must be a whole number, not NaN."),
    (b'{"views": Infinity}', "views", "views must be a whole number, not Infinity."),
    (b'{"views": 1.5}', "views", "views must be a whole number, not a number with a fraction or an exponent."),
    (b'{"views": true}', "views", "views must be a whole number, not true or false."),
    (b'{"views": null}', "views", "views must be a whole number, not null."),
    (b'{"views": 1' + b"0" * 30 + b"}", "views", "views must be 9223372036854775807 or less."),
    (b'{"views": [[1]]}', "views", "views must be a whole number, not a list."),
    (b'{"likes": 3}', "views", "views is required."),
    (b"{}", "views", "views is required."),
    (b'{"views": 1, "likes": -5}', "likes", "likes must be 0 or more, not -5."),
    (b'{"views": 1, "viewz": 1}', "viewz", "viewz is not a known field. Did you mean views?"),
    (b'{"views": 1, "bool": 1}', "bool", "bool is not a known field."),
    (b'{"views": 1, "song_duration": NaN}', "song_duration", "song_duration must be a finite number, not NaN."),
    (b'{"views": 1, "title": 7}', "title", "title must be a text, not a whole number."),
    (b'{"views": 1, "title": "a\\u0000"}', "title", "title must not contain the NUL character."),
    (b'{"views": 1, "has_music": 1}', "has_music", "has_music must be true or false, not a whole number."),
    (b'{"views": 1, "taken_at": "soon"}', "taken_at", "taken_at must be a time such as 2026-11-20T12:00:00Z."),
    (b'{"views": 1, "taken_at": "2026-11-20T12:00:00"}', "taken_at",
     "taken_at must carry its offset from UTC, as in 2026-11-20T12:00:00Z."),
    (b'{"views": 1, "explain": "much"}', "explain", "explain must be true, false or a small whole number."),
    (b'{"views": 1, "explain": 1000}', "explain", "explain must be true, false or a small whole number."),
]  # fmt: skip


def test_a_prediction_has_the_fields_that_backends_know(service: Any) -> None:
    answer = service.ask("POST", "/predict", json={"views": 150_000, "title": "hack! #fyp"})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) >= KEY_FIELDS | {"prediction_time_ms", "prediction_id", "expected_views"}
    assert (body["viral_class"], body["model_version"], len(body["top_features"])) == ("medium", "1", 5)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_more_likes_than_views_is_odd_but_allowed(service: Any) -> None:
    assert service.ask("POST", "/predict", json={"views": 1, "likes": 5000}).status_code == 200


def test_a_field_that_is_null_is_unknown_and_recorded_as_absent(service: Any) -> None:
    service.ask("POST", "/predict", json={"views": 1, "likes": None, "video_id": "v"})
    service.runtime.recorder.spool.rotate()
    service.runtime.recorder.shipper.ship()
    (row,) = service.rows.values()
    assert set(row["inputs"]) == {"views", "video_id", "taken_at"}
    assert (row["entity_id"], row["model_version"], row["family"]) == ("v", "1", "viral")


@pytest.mark.parametrize(("explain", "features"), [(True, 5), (False, 0), (0, 0), (3, 3)])
def test_explain_says_how_many_features(service: Any, explain: bool | int, features: int) -> None:
    body = service.ask("POST", "/predict", json={"views": 1, "explain": explain}).json()
    assert len(body.get("top_features", [])) == features
    asked = service.ask("POST", f"/predict?explain={str(explain).lower()}", json={"views": 1}).json()
    assert len(asked.get("top_features", [])) == features


def test_a_faulty_explain_in_the_query_is_named(service: Any) -> None:
    answer = service.ask("POST", "/predict?explain=lots", json={"views": 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "explain")


def test_a_query_with_too_many_parameters_is_a_400(service: Any) -> None:
    answer = service.ask("POST", "/predict?" + "a=1&" * 60, json={"views": 1})
    assert (answer.status_code, answer.json()["detail"]) == (400, "The query holds more than 50 parameters.")


def test_a_batch_answers_in_order_and_is_explained_on_request_only(service: Any) -> None:
    videos = [{"views": views} for views in (3_000_000, 10, 600_000)]
    body = service.ask("POST", "/predict/batch", json={"videos": videos}).json()
    assert [item["viral_class"] for item in body["predictions"]] == ["ultra", "low", "high"]
    assert (body["count"], body["model_version"]) == (3, "1")
    assert "top_features" not in body["predictions"][0]
    body = service.ask("POST", "/predict/batch", json={"videos": videos, "explain": 2}).json()
    assert [len(item["top_features"]) for item in body["predictions"]] == [2, 2, 2]


@pytest.mark.parametrize(("body", "field", "message"), BAD_FIELDS)
def test_a_faulty_field_is_named_in_one_sentence(service: Any, body: bytes, field: str, message: str) -> None:
    answer = service.post("/predict", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0] == {"field": field, "message": message}
    assert answer.json()["detail"].startswith(message)


@pytest.mark.parametrize(
    ("videos", "field"),
    [
        ([], "videos"),
        ([{"views": 1}] * (MAX_BATCH + 1), "videos"),
        ([{"views": 1}, {"views": 1}, {"views": 1}, {"views": 1, "likes": -1}], "videos[3].likes"),
        ([{"views": 1}, 7], "videos[1]"),
        ([{"views": 1, "explain": 3}], "videos[0].explain"),
        ("none", "videos"),
        ({"0": {"views": 1}}, "videos"),
    ],
)
def test_a_faulty_batch_names_the_item_and_the_field(service: Any, videos: object, field: str) -> None:
    answer = service.ask("POST", "/predict/batch", json={"videos": videos})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_a_field_in_the_wrong_place_is_not_called_unknown(service: Any) -> None:
    answer = service.ask("POST", "/predict/batch", json={"videos": [{"views": 1, "explain": 3}]})
    assert answer.json()["detail"] == "videos[0].explain does not belong there."


def test_a_body_that_stops_coming_is_a_408(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.http.BODY_SECONDS", 0.05)

    async def stopping() -> Any:
        yield b'{"views"'
        await asyncio.Event().wait()

    answer = service.ask("POST", "/predict", content=stopping(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'"x"', b'{"views": 1,}', b'{"views":"\xff"}', b'{"views":"\\ud800"}',
     b"\x00", b'{"views":' + b"[" * 5000 + b"}", b'{"views": 1} trailing'],
)  # fmt: skip
def test_what_is_no_json_object_is_a_400(service: Any, body: bytes) -> None:
    assert service.post("/predict", body).status_code == 400


def test_a_body_over_the_limit_is_a_413_whatever_it_says_of_its_length(service: Any) -> None:
    limit = service.runtime.settings.max_body_bytes
    assert service.post("/predict", b" " * (limit + 1)).status_code == 413

    async def chunks() -> Any:
        for _ in range(limit // 65_536 + 2):
            yield b" " * 65_536

    answer = service.ask("POST", "/predict", content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=UTF-8", 200),
        ("application/vnd.a+json", 200),
        ("Application/JSON", 200),
    ],
)
def test_the_body_must_be_said_to_be_json(service: Any, kind: str, status: int) -> None:
    answer = service.ask("POST", "/predict", content=b'{"views": 1}', headers={"content-type": kind})
    assert answer.status_code == status


def test_without_a_model_the_answer_is_503_and_says_why(make_service: Any) -> None:
    service = make_service()
    service.runtime.watcher.look()
    answer = service.ask("POST", "/predict", json={"views": 1})
    assert answer.status_code == 503
    assert "no version has been promoted" in answer.json()["detail"]


def test_an_unexpected_fault_is_a_500_without_internals(service: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is hunter2")

    service.runtime.slot.current.predictor.predict_one = fail
    answer = service.ask("POST", "/predict", json={"views": 1})
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_fields = st.sampled_from([*PredictRequest.__annotations__, *BatchRequest.__annotations__, "other"])
_videos = st.dictionaries(_fields, _json | st.integers(0, 10**7), max_size=6)


@given(
    path=st.sampled_from(["/predict", "/predict/batch"]),
    body=st.binary(max_size=60)
    | _json.map(lambda value: json.dumps(value).encode())
    | _videos.map(lambda value: json.dumps(value).encode())
    | st.lists(_videos, max_size=3).map(lambda value: json.dumps({"videos": value}).encode()),
)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_whatever_makes_a_500(service: Any, path: str, body: bytes) -> None:
    answer = service.post(path, body)
    assert answer.status_code in (200, 400, 422)
    if answer.status_code == 422:
        assert all(error["field"] and error["message"][-1] in ".?" for error in answer.json()["errors"])
