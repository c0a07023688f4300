"""A day's photos become examples: each once, looked at, and set aside with a reason where one is odd."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from PIL import Image

from config.errors import InputError
from models.candidates import Verdict
from models.face import FAMILY
from models.face.collecting import Collected
from models.face.duplicates import base_key
from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA
from models.family import Window
from models.images.hashing import sha256
from models.images.limits import ImageLimits
from models.splits import assign_split
from storage.image_hashes import SEEN
from storage.sources.face import USER_STYLES
from tests.photo_world import CLASSES, DAY, Shot, encoded, later, nobody, pixels_of, portrait, shots, together

OPTIONS = FaceOptions(classes=CLASSES, limits=ImageLimits(400_000, 1_000_000))
MIDNIGHT = dt.datetime.combine(DAY, dt.time(), dt.UTC)
WINDOW = Window(MIDNIGHT, MIDNIGHT + dt.timedelta(days=1))
AT = MIDNIGHT + dt.timedelta(days=3)


def styles(taken: Sequence[Shot]) -> pa.Table:
    """The rows that the source reads."""
    rows = []
    for shot in taken:
        entry = shot.entry
        chances = sorted(entry.get("probabilities", {}).values(), reverse=True)
        rows.append(
            {
                "photo": shot.photo, "user_id": shot.user, "at": shot.at,
                "prediction_id": f"{shot.photo} {shot.version}",
                "predicted_class": entry.get("class"), "confidence": entry.get("confidence"),
                "margin": chances[0] - chances[1] if len(chances) > 1 else None,
                "probabilities": orjson.dumps(entry.get("probabilities", {})).decode(),
                "model_version": shot.version, "sha256": entry["sha256"],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, USER_STYLES)


def sources(taken: Sequence[Shot], seen: Sequence[tuple[str, str, int | None]] = ()) -> dict[str, Any]:
    bucket = {shot.photo: shot.data for shot in taken}

    def photos(
        keys: Sequence[str], max_bytes: int
    ) -> Iterator[tuple[str, bytes | None, int | None, str | None]]:
        for key in keys:
            data = bucket[key]
            if data is None:
                yield key, None, None, "the photo is missing in the bucket"
            elif len(data) > max_bytes:
                yield key, None, len(data), "file too large"
            else:
                yield key, data, len(data), None

    known = [dict(zip(SEEN.names, [*each, "someone"], strict=True)) for each in seen]
    return {"user_styles": styles(taken), "photos": photos, "seen": pa.Table.from_pylist(known, SEEN)}


def collected(
    taken: Sequence[Shot], seen: Sequence[tuple[str, str, int | None]] = (), options: FaceOptions = OPTIONS
) -> Collected:
    made = FAMILY.collect(sources(taken, seen), WINDOW, options)
    assert isinstance(made, Collected)
    return made


def rows(taken: Sequence[Shot], **given: Any) -> dict[str, dict[str, Any]]:
    return {row["photo"]: row for batch in collected(taken, **given) for row in batch.to_pylist()}


def flags(taken: Sequence[Shot], **given: Any) -> dict[str, str | None]:
    return {photo: row["flag"] for photo, row in rows(taken, **given).items()}


def one(data: bytes | None, **given: Any) -> str | None:
    """The flag of a photo."""
    [flag] = flags([Shot("u1/a.jpg", data, **given)]).values()
    return flag


# -- what is known of a photo --------------------------------------------------------------------------------
def test_a_photo_carries_its_prediction_its_bytes_and_what_was_measured() -> None:
    shot = Shot("u1/a.jpg", portrait(1), predicted="Warm", confidence=0.7)

    [row] = rows([shot]).values()

    assert (row["photo"], row["user_id"], row["at"]) == ("u1/a.jpg", "u1", shot.at)
    assert (row["predicted_class"], row["confidence"], row["model_version"]) == ("Warm", 0.7, "1")
    assert row["margin"] == pytest.approx(0.7 - 0.15)
    assert orjson.loads(row["probabilities"])["Warm"] == 0.7
    assert (row["image"], row["sha256"], row["bytes"]) == (shot.data, sha256(portrait(1)), len(portrait(1)))
    assert (row["width"], row["height"], row["faces"]) == (160, 160, 1)
    assert 0 <= row["face_x"] < row["face_x"] + row["face_width"] <= 160
    assert (row["flag"], row["label"], row["verified_by"]) == (None, None, None)
    assert 0 < row["brightness"] < 1 < row["sharpness"]


def test_the_split_is_by_user_for_ever() -> None:
    taken = shots(12, 3)
    found = rows(taken)

    expected = assign_split(pa.array([shot.user for shot in taken]), "face").to_pylist()
    assert [found[shot.photo]["split"] for shot in taken] == expected
    assert len(set(expected)) > 1


def test_photos_come_in_order_of_time_and_key_in_small_batches_with_the_familys_columns() -> None:
    taken = shots(10, 5)
    batches = list(collected(taken[::-1]))

    assert all(batch.schema.equals(EXAMPLE_SCHEMA) and 0 < batch.num_rows <= 32 for batch in batches)
    assert [name for batch in batches for name in batch["photo"].to_pylist()] == [shot.photo for shot in taken]
    again = list(collected(taken))
    assert pa.Table.from_batches(again).equals(pa.Table.from_batches(batches))


def test_of_many_photos_few_are_fetched_before_the_first_batch_is_taken() -> None:
    taken = shots(30, 5)
    given = sources(taken)
    fetched: list[str] = []
    inner = given["photos"]

    def counting(keys: Sequence[str], max_bytes: int) -> Iterator[Any]:
        for photo in inner(keys, max_bytes):
            fetched.append(photo[0])
            yield photo

    stream = FAMILY.collect({**given, "photos": counting}, WINDOW, OPTIONS)
    next(stream)

    assert len(fetched) < 50


def test_what_was_predicted_outside_the_day_is_left_out() -> None:
    taken = [Shot("u1/a.jpg", portrait(1), at=WINDOW.end), Shot("u1/b.jpg", portrait(2), at=WINDOW.start)]

    assert list(rows(taken)) == ["u1/b.jpg"]


def test_a_photo_that_was_predicted_twice_is_one_example_with_the_latest_answer() -> None:
    shot = Shot("u1/a.jpg", portrait(1), predicted="Soft")

    [row] = rows([shot, later(shot, predicted="Warm", version="2")]).values()

    assert (row["predicted_class"], row["model_version"], row["at"]) == ("Warm", "2", shot.at)


def test_the_answer_about_the_very_bytes_goes_before_a_later_one_about_others() -> None:
    shot = Shot("u1/a.jpg", portrait(1), predicted="Soft")

    [row] = rows([shot, later(shot, predicted="Warm", seen=portrait(9))]).values()

    assert (row["predicted_class"], row["flag"]) == ("Soft", None)


def test_a_photo_on_its_side_is_measured_upright() -> None:
    upright = Image.fromarray(pixels_of(1, size=200)).crop((10, 0, 190, 200))
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    upright.rotate(90, expand=True).save(out, "JPEG", quality=95, exif=exif)

    found = rows(
        [Shot("u1/turned.jpg", out.getvalue()), Shot("u2/plain.jpg", encoded(np.asarray(upright), "JPEG"))]
    )

    turned, plain = found["u1/turned.jpg"], found["u2/plain.jpg"]
    assert (turned["width"], turned["height"]) == (180, 200)
    for name in ("face_x", "face_y", "face_width", "face_height"):
        assert abs(turned[name] - plain[name]) <= 6
    assert plain["flag"].startswith("near duplicate of another photo")


def test_a_face_in_a_large_photo_is_told_in_pixels_of_the_whole_photo() -> None:
    large = encoded(np.asarray(Image.fromarray(pixels_of(1)).resize((2000, 2000))), "JPEG")
    options = replace(OPTIONS, limits=ImageLimits())

    small_row, large_row = (
        next(iter(rows([Shot("u1/a.jpg", data)], options=options).values())) for data in (portrait(1), large)
    )

    assert (large_row["width"], large_row["faces"]) == (2000, 1)
    assert large_row["face_width"] / 2000 == pytest.approx(small_row["face_width"] / 160, abs=0.1)
    assert large_row["face_x"] / 2000 == pytest.approx(small_row["face_x"] / 160, abs=0.1)


# -- what is set aside ---------------------------------------------------------------------------------------
def test_a_photo_that_is_no_usable_image_is_set_aside_without_its_bytes() -> None:
    bomb = encoded(np.zeros((1200, 1200, 3), np.uint8), "PNG")
    given = {
        "u1/pdf.jpg": b"%PDF-1.7 not a picture at all",
        "u1/cut.jpg": portrait(1)[:-3000],
        "u1/bomb.png": bomb,
        "u1/large.jpg": portrait(2) + bytes(400_000),
        "u1/empty.jpg": b"",
        "u1/gone.jpg": None,
    }

    found = rows([Shot(photo, data) for photo, data in given.items()])

    assert {photo: row["flag"] for photo, row in found.items()} == {
        "u1/pdf.jpg": "a PDF is not opened as an image",
        "u1/cut.jpg": "broken image",
        "u1/bomb.png": "too many pixels",
        "u1/large.jpg": "file too large",
        "u1/empty.jpg": "empty file",
        "u1/gone.jpg": "the photo is missing in the bucket",
    }  # fmt: skip
    assert all(row["image"] is None for row in found.values())
    assert found["u1/pdf.jpg"]["sha256"] == sha256(b"%PDF-1.7 not a picture at all")
    assert (found["u1/large.jpg"]["bytes"], found["u1/gone.jpg"]["sha256"]) == (
        len(given["u1/large.jpg"] or b""),
        None,
    )


def test_a_photo_without_a_face_or_with_several_is_set_aside() -> None:
    assert one(nobody(1)) == "no face was found"
    assert one(together(1, 2)) == "several faces (2)"
    assert one(portrait(1)) is None


def test_whole_photos_need_no_face() -> None:
    [row] = rows([Shot("u1/a.jpg", nobody(1))], options=replace(OPTIONS, faces="whole")).values()
    assert (row["flag"], row["faces"], row["face_x"]) == (None, None, None)


def test_of_two_photos_alike_the_earlier_one_stays() -> None:
    again = encoded(pixels_of(1), "JPEG", quality=60)
    first = Shot("u2/first.jpg", portrait(1))
    taken = [
        later(first, photo="u1/copy.jpg"),
        first,
        later(first, photo="u3/resaved.jpg", data=again),
        later(first, photo="u1/other.jpg", data=portrait(2)),
    ]

    found = flags(taken)

    assert found["u2/first.jpg"] is found["u1/other.jpg"] is None
    assert found["u1/copy.jpg"] == "exact duplicate of another photo: u2/first.jpg"
    near = found["u3/resaved.jpg"]
    assert near is not None
    assert near.startswith("near duplicate of another photo (")
    assert near.endswith(" of 64 bits): u2/first.jpg")


def test_how_near_is_near_is_a_setting() -> None:
    shifted = encoded(np.roll(pixels_of(1), 6, axis=1), "JPEG")
    taken = [Shot("u1/a.jpg", portrait(1)), later(Shot("u1/b.jpg", shifted))]

    assert flags(taken, options=replace(OPTIONS, near_bits=32))["u1/b.jpg"] is not None
    assert flags(taken, options=replace(OPTIONS, near_bits=0))["u1/b.jpg"] is None


def test_photos_are_compared_with_those_of_earlier_days_and_of_gold() -> None:
    [known] = rows([Shot("gold/1", portrait(1))]).values()
    seen = [("gold/1", known["sha256"], known["phash"]), ("u9/was-a-copy.jpg", "f" * 64, None)]

    found = flags(
        [Shot("u1/same.jpg", portrait(1)), Shot("u1/alike.jpg", encoded(pixels_of(1), "PNG"))], seen=seen
    )

    assert found["u1/same.jpg"] == "exact duplicate of another photo: gold/1"
    assert str(found["u1/alike.jpg"]).endswith(": gold/1")


def test_a_photo_that_an_earlier_day_has_is_not_collected_again_but_counted() -> None:
    seen = [("u1/a.jpg", sha256(portrait(1)), 5), ("u1/gone.jpg", "e" * 64, 6)]
    stream = collected(
        [Shot("u1/a.jpg", portrait(1)), Shot("u1/gone.jpg", None), Shot("u1/b.jpg", portrait(2))], seen
    )

    names = [name for batch in stream for name in batch["photo"].to_pylist()]

    assert names == ["u1/b.jpg"]
    assert stream.dropped == {"collected before": 2}


def test_other_bytes_under_a_key_that_was_collected_are_an_example_of_their_own() -> None:
    seen = [("u1/me.jpg", sha256(portrait(1)), 5)]

    [row] = rows([Shot("u1/me.jpg", portrait(2))], seen=seen).values()

    assert row["photo"] == f"u1/me.jpg#{sha256(portrait(2))[:12]}"
    assert base_key(row["photo"]) == "u1/me.jpg"
    again = [*seen, (row["photo"], row["sha256"], row["phash"])]
    assert rows([Shot("u1/me.jpg", portrait(2))], seen=again) == {}


def test_a_photo_that_is_not_what_was_predicted_is_set_aside() -> None:
    assert one(portrait(1), seen=portrait(2)) == "the photo was changed since it was predicted"


def test_a_class_that_is_none_of_the_settings_is_set_aside() -> None:
    assert one(portrait(1), predicted="Grumpy") == "the class is not among those of the settings: Grumpy"


def test_a_photo_that_the_service_could_not_answer_waits_without_a_class() -> None:
    [row] = rows([Shot("u1/a.jpg", portrait(1), error="the service failed")]).values()

    assert (row["predicted_class"], row["margin"], row["flag"]) == (None, None, None)


# -- what the index keeps ------------------------------------------------------------------------------------
def test_the_index_keeps_what_there_is_to_see_and_no_bytes() -> None:
    first = Shot("u1/a.jpg", portrait(1), predicted="Warm")
    batch = next(iter(collected([first, later(first, photo="u1/copy.jpg"), Shot("u2/gone.jpg", None)])))
    light = batch.drop_columns(["image"])

    found = {fact.key[0]: fact for fact in FAMILY.facts(light, OPTIONS)}  # type: ignore[misc]

    kept = found["u1/a.jpg"]
    assert (kept.entity, kept.label, kept.confidence, kept.image) == ("u1", "Warm", 0.8, "u1/a.jpg")
    assert (kept.values["width"], kept.values["faces"]) == (160, 1)
    assert kept.values["probabilities"]["Warm"] == 0.8
    assert kept.phash is not None
    copy = found["u1/copy.jpg"]
    assert (copy.phash, copy.values["duplicate_of"]) == (None, "u1/a.jpg")
    assert found["u2/gone.jpg"].image is None
    orjson.dumps(dict(kept.values))


# -- what admins decided -------------------------------------------------------------------------------------
def verdict(decision: str, label: str | None = None) -> Verdict:
    return Verdict(decision, label, "ana", AT)


def test_accepted_photos_get_the_predicted_class_and_corrected_ones_the_admins() -> None:
    taken = [Shot(f"u1/{number}.jpg", portrait(number), predicted="Soft") for number in range(4)]
    batch = next(iter(collected(taken)))

    settled = FAMILY.settle(
        batch, {0: verdict("accept"), 1: verdict("correct", "Warm"), 2: verdict("reject")}, OPTIONS
    )  # type: ignore[misc]

    assert settled["label"].to_pylist() == ["Soft", "Warm", None, None]
    assert settled["verified_by"].to_pylist() == ["ana", "ana", None, None]
    assert settled["verified_at"].to_pylist() == [AT, AT, None, None]
    assert settled.schema.equals(EXAMPLE_SCHEMA)
    assert settled["predicted_class"].to_pylist() == ["Soft"] * 4


def test_a_photo_without_a_picture_teaches_nothing_even_when_accepted() -> None:
    batch = next(iter(collected([Shot("u1/gone.jpg", None)])))

    settled = FAMILY.settle(batch, {0: verdict("accept")}, OPTIONS)  # type: ignore[misc]

    assert (settled["label"].to_pylist(), settled["verified_by"].to_pylist()) == ([None], ["ana"])


@pytest.mark.parametrize(
    ("shot", "decision", "message"),
    [
        (
            Shot("u1/a.jpg", portrait(1), predicted="Grumpy"),
            verdict("accept"),
            "'Grumpy' of the photo u1/a.jpg",
        ),
        (Shot("u1/a.jpg", portrait(1), error="broken"), verdict("accept"), "nothing was predicted"),
        (Shot("u1/a.jpg", portrait(1)), verdict("correct", "Grumpy"), "'Grumpy' of the photo u1/a.jpg"),
    ],
)
def test_a_label_that_is_no_class_is_refused(shot: Shot, decision: Verdict, message: str) -> None:
    batch = next(iter(collected([shot])))
    with pytest.raises(InputError, match=message):
        FAMILY.settle(batch, {0: decision}, OPTIONS)  # type: ignore[misc]


# -- files and folders ---------------------------------------------------------------------------------------
def test_photos_of_folders_are_labelled_examples_of_their_role() -> None:
    table = pa.table(
        {
            "photo": ["Soft/a.jpg", "Warm/b.jpg"], "image": [portrait(1), portrait(2)],
            "label": ["Soft", "Warm"], "person": ["ana", None],
        }
    )  # fmt: skip

    found = FAMILY.examples_from_rows({"train": table, "test": table.slice(1)}, OPTIONS)

    assert found["train"].schema.equals(EXAMPLE_SCHEMA)
    assert found["train"]["label"].to_pylist() == ["Soft", "Warm"]
    assert found["train"]["user_id"].to_pylist() == ["ana", f"gold/{sha256(portrait(2))[:16]}"]
    assert (set(found["test"]["split"].to_pylist()), found["test"].num_rows) == ({"test"}, 1)
    with pytest.raises(InputError, match="'Warm' is not one of the classes"):
        FAMILY.examples_from_rows({"train": table}, OPTIONS.with_classes(("Soft", "Serious")))


def test_faces_are_not_imported_from_tables() -> None:
    with pytest.raises(InputError, match="assay datasets add gold face DIR"):
        FAMILY.clean(pa.table({}), None, None)
