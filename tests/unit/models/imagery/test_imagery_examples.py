"""Reviewed pictures as examples: whose label they get, which are flagged, and which are left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from config.errors import InputError
from models.family import Window, get_family
from models.imagery.collecting import AGAIN, MOVING, Collected
from models.imagery.examples import collect
from models.imagery.gold import GoldMaker, GoldPhoto, key_of
from models.imagery.labels import BOTH, CONTRADICTED, DISAGREE, UNNAMED, WHICH
from models.imagery.schema import EXAMPLE_SCHEMA
from models.images.hashing import sha256
from storage.moderation_images import image_key
from storage.sources.imagery import REVIEWED
from tests.imagery_world import OPTIONS, animation, picture

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def review(image: str, labels: str = "", **changes: Any) -> dict[str, Any]:
    """A reviewed picture, as the source gives it."""
    return {
        "image": image, "user_id": "ann", "at": NOON - timedelta(days=1), "decision_id": f"decision of {image}",
        "content_id": "post-1", "content_kind": "post", "model_version": "3", "pictures": 1,
        "scores": json.dumps({"nsfw": 0.5, "violence": 0.1}), "reasons": "[]",
        "decision": "rejected" if labels else "approved", "labels": labels, "verified_by": "rita",
        "verified_at": NOON, "disputed": False, **changes,
    }  # fmt: skip


def collected(
    rows: Sequence[dict[str, Any]], files: dict[str, bytes]
) -> tuple[list[dict[str, Any]], Collected]:
    def photos(keys: Sequence[str], _most: int) -> Iterable[tuple[str, bytes | None, int | None, str | None]]:
        for key in keys:
            data = files.get(key)
            yield key, data, len(data) if data else None, None if data else "the photo is missing in the bucket"

    found = collect({"reviewed": pa.Table.from_pylist(rows, REVIEWED), "photos": photos}, WINDOW, OPTIONS)
    return [row for batch in found for row in batch.to_pylist()], found


def one(row: dict[str, Any], file: bytes | None = None) -> dict[str, Any]:
    rows, _ = collected([row], {row["image"]: file or picture("safe", 1)})
    assert len(rows) == 1
    return rows[0]


def test_a_picture_gets_what_its_review_says_with_who_said_it_and_its_bytes() -> None:
    data = picture("nsfw", 1)
    found = one(review("a.jpg", "spam+nsfw"), data)
    assert (found["photo"], found["source"]) == (image_key(data), "a.jpg")
    assert (found["label"], found["flag"]) == ("nsfw", None)
    assert (found["verified_by"], found["verified_at"]) == ("rita", NOON)
    assert (found["image"], found["sha256"], found["width"]) == (data, sha256(data), 96)
    assert (found["predicted_class"], found["model_version"]) == ("nsfw", "3")
    assert found["confidence"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("labels", "decision", "label"),
    [("", "approved", "safe"), ("spam", "rejected", "safe"), ("violence", "rejected", "violence")],
)
def test_labels_of_the_text_leave_a_picture_safe(labels: str, decision: str, label: str) -> None:
    assert one(review("a.jpg", labels, decision=decision))["label"] == label


def test_of_two_harms_the_worse_is_the_label_and_a_person_looks_again() -> None:
    found = one(review("a.jpg", "violence+nsfw"))
    assert (found["label"], found["flag"]) == ("nsfw", BOTH)


def test_reviewers_who_disagree_and_a_confident_model_that_is_contradicted_are_looked_at_again() -> None:
    assert one(review("a.jpg", disputed=True))["flag"] == DISAGREE
    sure = json.dumps({"nsfw": 0.96, "violence": 0.01})
    assert one(review("a.jpg", "nsfw", scores=sure))["flag"] is None
    assert one(review("a.jpg", scores=sure))["flag"] == f"{CONTRADICTED}: nsfw (0.96)"
    asked_nobody = one(review("a.jpg", scores=sure, model_version=None))
    assert (asked_nobody["flag"], asked_nobody["predicted_class"]) == (None, None)


def test_a_moving_picture_is_looked_at_again_because_its_first_frame_is_learned_from() -> None:
    found = one(review("a.gif", "nsfw"), animation(["safe", "nsfw"]))
    assert (found["flag"], found["frames"]) == (MOVING, 2)


def test_a_rejection_without_any_label_teaches_nothing() -> None:
    rows, found = collected([review("a.jpg", decision="rejected")], {"a.jpg": picture("safe", 1)})
    assert rows == []
    assert found.dropped == {UNNAMED: 1}


def test_of_several_pictures_those_that_were_flagged_get_the_harm_and_others_are_not_taken() -> None:
    reasons = json.dumps([{"label": "nsfw", "images": ["b.jpg"]}, {"label": "violence", "images": ["a.jpg"]}])
    files = {name: picture("nsfw", place) for place, name in enumerate(("a.jpg", "b.jpg"))}
    rows, found = collected(
        [review(name, "nsfw", pictures=2, reasons=reasons, decision_id="d") for name in files], files
    )
    assert [(row["source"], row["label"]) for row in rows] == [("b.jpg", "nsfw")]
    assert found.dropped == {WHICH: 1}


def test_frames_of_a_video_get_the_harm_where_only_those_that_caused_it_were_kept() -> None:
    reasons = json.dumps([{"label": "violence", "frames": [3.5, 9.0]}])
    rows, _ = collected(
        [review(name, "violence", pictures=2, reasons=reasons, content_kind="video") for name in ("a", "b")],
        {"a": picture("violence", 1), "b": picture("violence", 2)},
    )
    assert {row["source"]: row["label"] for row in rows} == {"a": "violence", "b": "violence"}


def test_a_clean_review_makes_all_pictures_safe() -> None:
    rows, _ = collected(
        [review(name, pictures=2) for name in ("a", "b")], {"a": picture("safe", 1), "b": picture("safe", 2)}
    )
    assert [row["label"] for row in rows] == ["safe", "safe"]


def test_the_same_picture_is_taken_once_with_its_latest_review() -> None:
    data = picture("nsfw", 1)
    earlier = NOON - timedelta(hours=1)
    rows, found = collected(
        [
            review("a.jpg", "nsfw", verified_at=NOON),
            review("a.jpg", verified_at=earlier, decision_id="older"),
            review("copy.jpg", verified_at=earlier),
        ],
        {"a.jpg": data, "copy.jpg": data},
    )
    assert [(row["source"], row["label"]) for row in rows] == [("a.jpg", "nsfw")]
    assert found.dropped == {AGAIN: 2}


def test_pictures_that_are_gone_or_cannot_be_opened_are_counted_and_left_out() -> None:
    rows, found = collected([review("gone.jpg"), review("bad.jpg")], {"bad.jpg": b"no picture"})
    assert rows == []
    assert found.dropped == {
        "the picture cannot be used: not an image": 1,
        "the picture cannot be used: the photo is missing in the bucket": 1,
    }


def test_a_review_of_another_day_is_not_of_this_one() -> None:
    rows, _ = collected([review("a.jpg", verified_at=WINDOW.end)], {"a.jpg": picture("safe", 1)})
    assert rows == []


def test_pictures_of_one_person_are_on_one_side_of_the_split() -> None:
    files = {f"{number}.jpg": picture("safe", number) for number in range(40)}
    rows, _ = collected([review(name, user_id=f"u{place % 4}") for place, name in enumerate(files)], files)
    assert all(len({row["split"] for row in rows if row["user_id"] == user}) == 1 for user in ("u0", "u1"))


def test_gold_is_a_picture_under_the_name_of_its_bytes() -> None:
    maker = GoldMaker(
        OPTIONS, pa.table({"phash": pa.array([], pa.int64()), "user_id": pa.array([], pa.string())})
    )
    data = picture("violence", 3)
    batch = maker.batch([maker.row(GoldPhoto(data, "violence", None, NOON), maker.look(data))])
    row = batch.to_pylist()[0]
    assert batch.schema == EXAMPLE_SCHEMA
    assert (row["photo"], row["label"], row["image"]) == (key_of(sha256(data)), "violence", data)


def test_a_correction_is_one_of_the_classes() -> None:
    family = get_family("imagery")
    rows, _ = collected([review("a.jpg")], {"a.jpg": picture("safe", 1)})
    batch = pa.RecordBatch.from_pylist(rows, schema=EXAMPLE_SCHEMA)
    assert family.correct is not None
    assert family.correct(batch, {0: "nsfw"}, OPTIONS).column("label").to_pylist() == ["nsfw"]
    with pytest.raises(InputError, match="no class of image moderation"):
        family.correct(batch, {0: "ugly"}, OPTIONS)


def test_tables_are_refused_with_the_way_that_pictures_come_in() -> None:
    with pytest.raises(InputError) as refused:
        get_family("imagery").clean(pa.table({"a": np.arange(2)}), None, None)
    assert "add gold imagery" in str(refused.value.hint)


def test_batches_are_given_as_they_are_read() -> None:
    files = {f"{number}.jpg": picture("safe", number) for number in range(70)}
    found = collect(
        {
            "reviewed": pa.Table.from_pylist([review(name) for name in files], REVIEWED),
            "photos": lambda keys, _most: _given(keys, files),
        },
        WINDOW,
        OPTIONS,
    )
    assert [batch.num_rows for batch in found] == [32, 32, 6]


def _given(keys: Sequence[str], files: dict[str, bytes]) -> Iterator[tuple[str, bytes, int, None]]:
    for key in keys:
        yield key, files[key], len(files[key]), None
