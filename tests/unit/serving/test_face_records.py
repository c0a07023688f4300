"""What is kept of a request to the face service, and that no byte of an image is."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from demo.photos import question

MARK = b"<<the marked bytes of somebody's portrait>>"
#: A comment segment after the first two bytes: the same picture, and it can be searched for.
MARKED = b"\xff\xd8\xff\xfe" + (len(MARK) + 2).to_bytes(2, "big") + MARK + question(7)[1][2:]
TEXT = base64.b64encode(MARKED).decode()


def traces(mark: bytes = MARK) -> list[bytes]:
    """The mark, and what its middle looks like in base64 wherever it begins."""
    return [mark, *(base64.b64encode(mark[start:])[4:-4] for start in range(3))]


def assert_nowhere(service: Any, log: pytest.LogCaptureFixture, *also: str) -> None:
    kept = [path.read_bytes() for path in Path(service.runtime.settings.home).rglob("*") if path.is_file()]
    kept += [json.dumps(row).encode() for row in service.rows.values()]
    kept += [record.getMessage().encode() + str(record.exc_info).encode() for record in log.records]
    kept += [text.encode() for text in (*also, log.text)]
    for trace in traces():
        assert not any(trace in text for text in kept)


def test_the_traces_would_be_found() -> None:
    assert any(trace in base64.b64encode(b"x" + MARKED) for trace in traces())
    assert any(trace in TEXT.encode() for trace in traces())


def test_a_record_has_the_user_the_keys_digests_and_sizes(face: Any) -> None:
    asked = {"images": [TEXT, "not base64!"], "user_id": "u-1", "photos": ["u-1/a.jpg", "u-1/b.jpg"]}
    answer = face.ask("POST", "/predict", json=asked).json()
    (row,) = face.shipped()
    assert (row["id"], row["family"], row["entity_id"]) == (answer["prediction_id"], "face", "u-1")
    digest = hashlib.sha256(MARKED).hexdigest()
    assert row["inputs"] == {
        "user_id": "u-1",
        "photos": ["u-1/a.jpg", "u-1/b.jpg"],
        "images": [{"sha256": digest, "bytes": len(MARKED)}, {"sha256": None, "bytes": None}],
    }
    for name in ("class", "confidence", "probabilities", "none_of_these", "photos", "count"):
        assert row["answer"][name] == answer[name]
    assert row["answer"]["photos"][0]["sha256"] == digest
    assert row["model_version"] == "1"


def test_a_request_about_nobody_is_recorded_without_a_user(face: Any) -> None:
    face.predict([MARKED])
    (row,) = face.shipped()
    assert (row["entity_id"], row["inputs"]["photos"]) == (None, [])


def test_no_byte_of_an_image_is_kept_of_an_answered_request(
    face: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = face.predict([MARKED, MARKED[:-400]], user_id="u-1")
    assert answer.status_code == 200
    assert_nowhere(face, caplog, answer.text)
    assert len(face.shipped()) == 1
    assert_nowhere(face, caplog)


@pytest.mark.parametrize(
    "body",
    [
        {"images": TEXT},
        {"images": [TEXT[:-3] + "!"]},
        {"images": [{"data": TEXT}]},
        {"images": [TEXT] * 11},
        {"images": [TEXT, None]},
        {"image": TEXT},
        {"images": ["x"], "user_id": TEXT},
        {"images": ["x"], "user_id": "u", "photos": [TEXT]},
        {"images": ["x"], "user_id": "u", "photos": [TEXT[:900] + "//"]},
        {"images": [base64.b64encode(MARK + MARKED).decode()]},
        {"images": [TEXT[:200]]},
        [TEXT],
        TEXT,
    ],
)
def test_no_refusal_quotes_an_image(face: Any, caplog: pytest.LogCaptureFixture, body: Any) -> None:
    caplog.set_level(logging.DEBUG)
    answer = face.ask("POST", "/predict", json=body)
    assert answer.status_code in (400, 422)
    assert_nowhere(face, caplog, answer.text)


def test_a_body_that_ends_in_the_middle_of_an_image_is_not_quoted(
    face: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = face.post("/predict", b'{"images": ["' + TEXT[:400].encode())
    assert answer.status_code == 400
    assert_nowhere(face, caplog, answer.text)


def test_a_fault_of_ours_is_logged_without_what_it_was_given(
    face: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = face.runtime.slot.current.predictor
    answer_photo = predictor.answer_photo

    def failing(data: bytes, limits: Any) -> Any:
        if data == MARKED:
            raise RuntimeError(f"cannot handle {data!r}")
        return answer_photo(data, limits)

    monkeypatch.setattr(predictor, "answer_photo", failing)
    mixed = face.predict([MARKED, question(7)[1]])
    assert mixed.status_code == 200
    assert "logged" in mixed.json()["photos"][0]["error"]["reason"]
    assert "RuntimeError test_face_records.py" in caplog.text
    alone = face.predict([MARKED])
    assert alone.status_code == 500
    assert_nowhere(face, caplog, mixed.text, alone.text)


def test_rows_that_the_database_refuses_are_set_aside_without_images(
    face: Any, caplog: pytest.LogCaptureFixture
) -> None:
    face.predict([MARKED], user_id="u-1")
    face.runtime.recorder.shipper._insert = lambda rows: int(rows[0]["no such field"])
    face.runtime.recorder.spool.rotate()
    face.runtime.recorder.shipper.ship()
    aside = list((face.runtime.settings.home / "services/face/spool/set-aside").iterdir())
    assert len(aside) == 1
    assert b"u-1" in aside[0].read_bytes()
    assert_nowhere(face, caplog)
