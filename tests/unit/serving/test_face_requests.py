"""Requests to the face service: what is accepted, what is refused and how it is said."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from config.settings import Settings
from demo.faces import jpeg
from demo.photos import question
from serving.face_app import face_openapi
from serving.face_schema import EXAMPLE_ANSWER, EXAMPLE_REQUEST, MAX_IMAGES
from serving.model_slot import ServedModel, ServedRollout

KEY = {"x-api-key": "a key that is long enough"}
PHOTO = question(7)[1]
TEXT = base64.b64encode(PHOTO).decode()


def body_of(**fields: Any) -> bytes:
    return json.dumps({"images": [TEXT], **fields}).encode()


BAD: list[tuple[bytes, str, str]] = [
    (b"{}", "images", "images is required."),
    (b'{"images": []}', "images", "images must hold at least 1 item."),
    (json.dumps({"images": [TEXT] * (MAX_IMAGES + 1)}).encode(), "images",
     "images must hold at most 10 items."),
    (b'{"images": "abc"}', "images", "images must be a list, not a text."),
    (b'{"images": [7]}', "images[0]", "images[0] must be a text, not a whole number."),
    (b'{"images": [null]}', "images[0]", "images[0] must be a text, not null."),
    (body_of(image=TEXT), "image", "image is not a known field. Did you mean images?"),
    (body_of(user_id=7), "user_id", "user_id must be a text, not a whole number."),
    (body_of(user_id="u" * 300), "user_id", "user_id must have at most 256 characters."),
    (body_of(user_id="u\0"), "user_id", "user_id must not contain the NUL character."),
    (body_of(photos=["u/a.jpg"]), "user_id",
     "user_id is required where photos are given: it says whose they are."),
    (body_of(user_id="u", photos=[]), "photos",
     "photos must have one key for each image: there are 0 for 1."),
    (body_of(user_id="u", photos=["u/a.jpg", "u/b.jpg"]), "photos",
     "photos must have one key for each image: there are 2 for 1."),
    (json.dumps({"images": [TEXT] * 2, "user_id": "u", "photos": ["u/a", "u/a"]}).encode(), "photos",
     "photos must name each photo once."),
    (body_of(user_id="u", photos=["u/../v/a.jpg"]), "photos[0]",
     "photos[0] cannot be a key of the photo bucket: it has an empty, '.' or '..' segment."),
    (body_of(user_id="u", photos=["v/a.jpg"]), "photos[0]",
     "photos[0] must lie in the user's own folder: user_id, '/', and a name."),
    (body_of(user_id="u", photos=["u2/a.jpg"]), "photos[0]",
     "photos[0] must lie in the user's own folder: user_id, '/', and a name."),
    (body_of(user_id="u", photos=["k" * 2000]), "photos[0]", "photos[0] must have at most 1024 characters."),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "sentence"), BAD)
def test_what_is_wrong_is_said_with_the_field(face: Any, body: bytes, field: str, sentence: str) -> None:
    answer = face.post("/predict", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0] == {"field": field, "message": sentence}


@pytest.mark.parametrize("key", ["u/a.jpg", "u/2026/11/a.jpg", "style-photos/u/a.jpg"])
def test_a_photo_of_the_users_own_folder_is_taken(face: Any, key: str) -> None:
    assert face.post("/predict", body_of(user_id="u", photos=[key])).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_a_400(face: Any, body: bytes) -> None:
    assert face.post("/predict", body).status_code == 400


def test_a_photo_is_answered_with_everything_that_is_promised(face: Any) -> None:
    answer = face.predict([PHOTO])
    assert answer.status_code == 200
    body = answer.json()
    names = face.runtime.slot.current.predictor.classes
    assert set(body["probabilities"]) == set(names)
    assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert body["confidence"] == max(body["probabilities"].values())
    assert body["probabilities"][body["class"]] == body["confidence"]
    assert (body["model_version"], body["count"], len(body["photos"])) == ("1", 1, 1)
    assert body["prediction_time_ms"] > 0
    assert body["prediction_id"]


def test_a_data_url_is_the_same_photo(face: Any) -> None:
    plain, url = (face.predict([text]).json()["photos"] for text in (TEXT, f"data:image/jpeg;base64,{TEXT}"))
    assert plain == url


def test_photos_are_answered_in_their_order_each_as_it_would_be_alone(face: Any) -> None:
    photos = [PHOTO, *drawn(4)]
    together = face.predict(photos).json()
    alone = [face.predict([photo]).json()["photos"][0] for photo in photos]
    assert [entry["index"] for entry in together["photos"]] == [0, 1, 2, 3, 4]
    for entry, single in zip(together["photos"], alone, strict=True):
        assert entry["sha256"] == single["sha256"]
        assert entry["probabilities"] == pytest.approx(single["probabilities"], abs=1e-4)
    assert together["count"] == 5


def drawn(count: int) -> list[bytes]:
    import numpy as np

    from demo.faces import draw_face, make_person
    from demo.styles import STYLES

    rng = np.random.default_rng(5)
    return [jpeg(draw_face(STYLES[number], make_person(rng), rng)) for number in range(count)]


def test_a_bad_image_names_its_index_and_reason_and_the_rest_are_answered(face: Any) -> None:
    body = face.predict([PHOTO, "not base64!", b"GIF89a and no more", PHOTO[:300], "", PHOTO]).json()
    assert body["count"] == 2
    assert [entry["index"] for entry in body["photos"] if "error" not in entry] == [0, 5]
    reasons = [entry["error"]["reason"] for entry in body["photos"][1:5]]
    assert reasons == ["not base64", "broken image", "broken image", "empty file"]
    assert body["photos"][1]["error"]["message"].startswith("images[1] cannot be used: not base64.")
    alone = face.predict([PHOTO, PHOTO]).json()
    assert body["probabilities"] == alone["probabilities"]


def test_when_no_image_can_be_answered_each_has_its_reason_in_the_refusal(face: Any) -> None:
    answer = face.predict(["not base64!", b"MZ\x90\x00 a program"])
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["images[0]", "images[1]"]
    assert "cannot be used" in answer.json()["detail"]
    assert face.shipped() == []


def test_without_a_model_it_says_so_and_the_classes_are_those_of_the_settings(
    make_face: Callable[..., Any],
) -> None:
    service = make_face(face_classes=("Bold", "Calm"))
    answer = service.predict([PHOTO])
    assert answer.status_code == 503
    assert "There is no model to answer with" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "5"
    assert service.ask("GET", "/classes").json() == {"classes": ["Bold", "Calm"], "model_version": None}
    assert service.ask("GET", "/health").status_code == 503


def test_the_classes_are_those_of_the_served_model(face: Any) -> None:
    body = face.ask("GET", "/classes").json()
    assert body["model_version"] == "1"
    assert body["classes"] == list(face.runtime.slot.current.predictor.classes)


def test_info_health_and_documentation_are_there(face: Any) -> None:
    assert set(face.ask("GET", "/").json()["endpoints"]) == {
        "/", "/health", "/predict", "/classes", "/metrics", "/model/info", "/model/load", "/model"
    }  # fmt: skip
    assert face.ask("GET", "/health").json()["status"] == "ok"
    assert face.ask("GET", "/docs").status_code == 200
    info = face.ask("GET", "/model/info", headers=KEY).json()
    assert info["model"]["family"] == "face"
    face.predict([PHOTO])
    text = face.ask("GET", "/metrics", headers=KEY).text
    assert 'assay_requests_total{path="/predict",service="face",status="200"} 1.0' in text


def test_the_openapi_document_describes_what_is_asked_and_answered(
    face: Any, service_settings: Settings
) -> None:
    document = face_openapi(service_settings)
    assert face.ask("GET", "/openapi.json").json() == document
    parts = {"components": document["components"]}
    jsonschema.validate(EXAMPLE_REQUEST, {**parts, "$ref": "#/components/schemas/PredictRequest"})
    answer = face.ask("POST", "/predict", json=EXAMPLE_REQUEST)
    assert answer.status_code == 200
    mixed = face.predict([PHOTO, "not base64!"])
    for body in (answer.json(), mixed.json(), EXAMPLE_ANSWER):
        jsonschema.validate(body, {**parts, "$ref": "#/components/schemas/Prediction"})
        known = set(document["components"]["schemas"]["PhotoAnswer"]["properties"])
        assert all(set(entry) <= known for entry in body["photos"])
        assert set(body) == set(document["components"]["schemas"]["Prediction"]["properties"])
    classes = face.ask("GET", "/classes").json()
    jsonschema.validate(classes, {**parts, "$ref": "#/components/schemas/Classes"})


def test_every_endpoint_of_its_own_wants_the_key_where_the_setting_says_so(
    make_ready_face: Callable[..., Any],
) -> None:
    service = make_ready_face(require_api_key=True)
    assert service.predict([PHOTO]).status_code == 401
    assert service.ask("GET", "/classes").status_code == 401
    assert service.ask("GET", "/classes", headers=KEY).status_code == 200
    document = face_openapi(service.runtime.settings)
    for path, method in (("/predict", "post"), ("/classes", "get")):
        assert document["paths"][path][method]["security"]


def test_a_shadow_that_fails_on_a_photo_has_no_answer(face: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ArithmeticError

    tried = ServedModel(
        SimpleNamespace(answer_photo=fail, classes=["a"]), "2", {}, "registry", datetime.now(UTC)
    )
    face.runtime.slot.rollout = ServedRollout(7, "face", "shadow", 1.0, "", tried)
    offered: list[Any] = []
    monkeypatch.setattr(face.runtime.shadow, "offer", lambda _rollout, _asked, ask, _size: offered.append(ask))
    assert face.predict([PHOTO]).status_code == 200
    with pytest.raises(RuntimeError):
        offered[0]()
