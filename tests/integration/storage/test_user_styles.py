"""What the face service answered, as the recorder ships it, in `predictions` and `user_styles`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from storage.user_styles import insert_face_predictions

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANSWERED = {"index": 0, "class": "Warm", "confidence": 0.75, "face_box": [1, 2, 30, 40], "sha256": "a" * 64}
FAILED = {"index": 1, "sha256": None, "error": {"reason": "not base64", "message": "images[1] ..."}}


def row(number: int, user: str | None = "u-1", **changes: Any) -> dict[str, Any]:
    return {
        "id": str(UUID(int=number)),
        "family": "face",
        "entity_id": user,
        "at": AT.isoformat(),
        "inputs": {"user_id": user, "photos": [f"{user}/b.jpg", f"{user}/a.jpg"] if user else [], "images": []},
        "answer": {"class": "Warm", "confidence": 0.75, "photos": [ANSWERED, FAILED]},
        "model_version": "3",
        "latency_ms": 5.0,
        "received_at": AT.isoformat(),
    } | changes


def styles(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("select * from user_styles order by id")))


def predictions(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select count(*) from predictions")).scalar_one())


def test_an_answer_about_a_user_is_kept_with_its_photos_in_their_order(engine: Engine) -> None:
    assert insert_face_predictions(engine, [row(1)]) == 1
    (found,) = styles(engine)
    assert (found.id, found.user_id, found.photos) == (UUID(int=1), "u-1", ["u-1/b.jpg", "u-1/a.jpg"])
    assert (found.style_class, found.confidence, found.model_version, found.at) == ("Warm", 0.75, "3", AT)
    assert found.results == {"photos": [ANSWERED, FAILED]}


def test_what_is_shipped_twice_is_there_once(engine: Engine) -> None:
    assert insert_face_predictions(engine, [row(1), row(2)]) == 2
    assert insert_face_predictions(engine, [row(2), row(3), row(3)]) == 1
    assert [found.id.int for found in styles(engine)] == [1, 2, 3]
    assert predictions(engine) == 3


def test_an_answer_about_nobody_is_a_prediction_only(engine: Engine) -> None:
    assert insert_face_predictions(engine, [row(1, user=None)]) == 1
    assert (predictions(engine), styles(engine)) == (1, [])


def test_a_user_without_keys_has_a_row_without_photos(engine: Engine) -> None:
    insert_face_predictions(engine, [row(1, inputs={"user_id": "u-1"})])
    assert styles(engine)[0].photos == []


def test_rows_of_another_family_are_no_styles(engine: Engine) -> None:
    insert_face_predictions(engine, [row(1, family="viral")])
    assert (predictions(engine), styles(engine)) == (1, [])


def test_a_row_that_does_not_fit_keeps_both_tables_as_they_were(engine: Engine) -> None:
    with pytest.raises(InputError, match="Prediction 1"):
        insert_face_predictions(engine, [row(1), row(2, at="soon")])
    assert (predictions(engine), styles(engine)) == (0, [])
