"""What the face service answered, as the recorder ships it, in `predictions` and `user_styles`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from serving.recorder import connect_database
from storage.database import transaction
from storage.erasure import erased_while_adding, is_erased, remember, subject_hash
from storage.predictions import insert_predictions
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


def forget(engine: Engine, settings: Settings, person: str) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, person), requested_by="ada", reason=None, at=AT)


@pytest.mark.parametrize(
    "hers",
    [
        {"user": "anna"},
        {"user": None, "inputs": {"user_id": "anna"}},
        {"user": None, "inputs": {"photos": ["style-photos/anna/1.jpg"]}},
        {"user": None, "inputs": {"photos": ["anna/1.jpg"]}},
    ],
)
def test_what_a_queue_still_holds_of_a_forgotten_person_is_not_taken_in(
    engine: Engine, settings: Settings, hers: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    forget(engine, settings, "anna")
    with caplog.at_level("INFO", "storage.predictions"):
        assert insert_face_predictions(engine, [row(1, **hers), row(2)], settings=settings) == 1
    assert predictions(engine) == 1
    assert [style.user_id for style in styles(engine)] == ["u-1"]
    assert caplog.messages == ["1 predictions of forgotten people were not taken in"]


def test_videos_of_a_forgotten_creator_are_not_taken_in(engine: Engine, settings: Settings) -> None:
    forget(engine, settings, "anna")
    rows = [
        row(number, "v-1", family="viral", inputs={"creator_id": creator})
        for number, creator in enumerate(["anna", "bob"])
    ]
    assert insert_predictions(engine, rows, settings=settings) == 1
    assert predictions(engine) == 1


def test_an_erasure_waits_for_rows_that_are_being_added(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as connection:
        assert erased_while_adding(connection, settings, ["anna"]) == set()
        erasing = threading.Thread(target=forget, args=(engine, settings, "anna"))
        erasing.start()
        erasing.join(0.3)
        assert erasing.is_alive()
    erasing.join(10)
    assert not erasing.is_alive()
    assert is_erased(engine, settings, ["anna"]) == {"anna"}


def test_a_service_s_own_insert_knows_who_was_forgotten(engine: Engine, settings: Settings) -> None:
    forget(engine, settings, "anna")
    for number, store in ((1, insert_face_predictions), (3, None)):
        insert = connect_database(settings, store)
        assert isinstance(insert, partial)
        assert insert([row(number, "anna"), row(number + 1)]) == 1
        insert.args[0].dispose()
    assert predictions(engine) == 2
