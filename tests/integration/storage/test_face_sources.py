"""What the face family is collected from: answers by photo, the photos, and those that were taken in before."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from config.errors import InputError, StoreUnavailable
from config.settings import Settings
from storage import tables
from storage.assets import load_assets
from storage.database import transaction
from storage.image_hashes import ImageRecord, record_images
from storage.objects import ObjectInfo, ObjectStore, open_store
from storage.objects_local import LocalStore
from storage.sources import read_sources
from storage.sources.face import fetch, photo_key

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
END = START + dt.timedelta(days=1)
DAY = START.date()


def tell(engine: Engine, photos: list[str], results: Any, at: dt.datetime = START) -> None:
    row = {
        "id": uuid.uuid5(uuid.NAMESPACE_URL, f"{photos} {at}"), "user_id": "u1", "photos": photos,
        "style_class": "Soft", "confidence": 0.5, "model_version": "3", "results": results, "at": at,
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(insert(tables.UserStyle), [row])


def read(engine: Engine, store: ObjectStore, day: dt.date = DAY) -> dict[str, Any]:
    return read_sources(engine, "face", START, END, photos=store, bucket="style-photos", day=day)


def rows(engine: Engine, store: ObjectStore) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(engine, store)["user_styles"].to_pylist()
    return found


def test_each_photo_has_the_answer_that_stands_at_its_place(engine: Engine, local_store: LocalStore) -> None:
    entries = [
        {
            "class": "Warm",
            "confidence": 0.6,
            "probabilities": {"Warm": 0.6, "Soft": 0.3, "Fire": 0.1},
            "sha256": "a",
        },
        {"sha256": "b", "error": {"reason": "broken image", "message": "images[1] cannot be used."}},
    ]
    tell(engine, ["u1/1.jpg", "u1/2.jpg", "u1/3.jpg"], {"photos": entries})

    first, second, third = rows(engine, local_store)

    assert (first["photo"], first["predicted_class"], first["confidence"], first["sha256"]) == (
        "u1/1.jpg", "Warm", 0.6, "a",
    )  # fmt: skip
    assert first["margin"] == pytest.approx(0.3)
    assert first["probabilities"] == '{"Fire":0.1,"Soft":0.3,"Warm":0.6}'
    assert (second["predicted_class"], second["margin"], second["sha256"]) == (None, None, "b")
    # nothing is said of it alone: the answer about the user
    assert (third["predicted_class"], third["confidence"], third["sha256"]) == ("Soft", 0.5, None)


@pytest.mark.parametrize("results", [[{"class": "Warm"}], {"photos": [{"class": "Warm"}]}])
def test_a_list_of_answers_may_stand_alone(engine: Engine, local_store: LocalStore, results: Any) -> None:
    tell(engine, ["u1/1.jpg"], results)
    assert [row["predicted_class"] for row in rows(engine, local_store)] == ["Warm"]


@pytest.mark.parametrize(
    "results", [{}, [], {"photos": None}, {"photos": ["odd"]}, {"photos": {"class": "x"}}, "text", 7]
)
def test_odd_results_are_no_answers_about_a_photo(
    engine: Engine, local_store: LocalStore, results: Any
) -> None:
    tell(engine, ["u1/1.jpg"], results)
    assert [row["predicted_class"] for row in rows(engine, local_store)] == ["Soft"]


def test_odd_values_in_an_answer_are_left_out(engine: Engine, local_store: LocalStore) -> None:
    entry = {
        "class": 7,
        "confidence": "high",
        "probabilities": {"Warm": "much", "Soft": True, "Fire": 0.4},
        "sha256": [],
    }
    tell(engine, ["u1/1.jpg"], {"photos": [entry]})

    [row] = rows(engine, local_store)

    assert (row["predicted_class"], row["confidence"], row["margin"], row["sha256"]) == (None, None, None, None)
    assert row["probabilities"] == '{"Fire":0.4}'


def test_only_the_days_answers_are_read(engine: Engine, local_store: LocalStore) -> None:
    for at in (START - dt.timedelta(microseconds=1), START, END):
        tell(engine, [f"u1/{at:%d-%H}.jpg", ""], {}, at)
    assert [row["photo"] for row in rows(engine, local_store)] == ["u1/02-00.jpg"]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("u1/p.jpg", "u1/p.jpg"), ("style-photos/u1/p.jpg", "u1/p.jpg"), ("/style-photos/u1/p.jpg", "u1/p.jpg"),
        ("/u1/p.jpg", "u1/p.jpg"), ("u1/style-photos/p.jpg", "u1/style-photos/p.jpg"),
    ],
)  # fmt: skip
def test_a_key_is_read_however_it_is_written(written: str, key: str) -> None:
    assert photo_key(written, "style-photos") == key


def test_faces_are_not_collected_without_a_photo_store(engine: Engine) -> None:
    with pytest.raises(InputError, match="STYLE_PHOTO_BUCKET"):
        read_sources(engine, "face", START, END)


# -- photos ----------------------------------------------------------------------------------------------------
def test_photos_come_in_the_order_asked_for_and_a_large_one_is_not_read(store: ObjectStore) -> None:
    for number in range(40):
        store.put(f"u/{number}.jpg", bytes([number]) * 10)
    store.put("u/large.jpg", b"x" * 1000)
    keys = [
        *(f"u/{number}.jpg" for number in reversed(range(40))),
        "u/large.jpg",
        "u/gone.jpg",
        "../odd",
        "a\\b",
    ]

    found = list(fetch(store, keys, 100))

    assert [photo.photo for photo in found] == keys
    assert [photo.data for photo in found[:40]] == [bytes([number]) * 10 for number in reversed(range(40))]
    assert found[40][1:] == (None, 1000, "file too large")
    assert found[41][1:] == (None, None, "the photo is missing in the bucket")
    assert {photo.problem for photo in found[42:]} == {"the photo's key is not one that a bucket can hold"}


class Watched:
    """A store that counts what is read, and may go away."""

    def __init__(self, fails_at: str | None = None) -> None:
        self.read: list[str] = []
        self._fails_at = fails_at
        self._lock = threading.Lock()

    def stat(self, key: str) -> ObjectInfo:
        if key == self._fails_at:
            raise StoreUnavailable("The object store is away.")
        return ObjectInfo(key, 3, START)

    def get(self, key: str) -> bytes:
        with self._lock:
            self.read.append(key)
        return b"abc"


def test_few_photos_are_read_ahead_and_none_after_the_reader_stops() -> None:
    watched = Watched()
    stream = fetch(watched, [str(number) for number in range(1000)], 100)  # type: ignore[arg-type]
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(watched.read) <= 20


def test_a_store_that_goes_away_is_no_missing_photo() -> None:
    with pytest.raises(StoreUnavailable):
        list(fetch(Watched("5"), [str(number) for number in range(10)], 100))  # type: ignore[arg-type]


# -- what was taken in before ----------------------------------------------------------------------------------
def images(*names: str, phash: int | None = 5) -> list[ImageRecord]:
    return [ImageRecord(name, f"sha of {name}", phash, "u1") for name in names]


def seen(engine: Engine, store: ObjectStore, day: dt.date) -> list[str]:
    names: list[str] = read(engine, store, day)["seen"]["image"].to_pylist()
    return names


def test_a_day_knows_gold_and_the_days_before_it(engine: Engine, local_store: LocalStore) -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    record_images(engine, "face", days[1], images("b", phash=-(2**63)))
    record_images(engine, "face", days[0], images("a", phash=2**63 - 1))
    record_images(engine, "face", None, images("gold/1", phash=None))
    record_images(engine, "other", days[0], images("z"))

    assert [seen(engine, local_store, day) for day in days] == [
        ["gold/1"],
        ["gold/1", "a"],
        ["gold/1", "a", "b"],
    ]
    assert read(engine, local_store, days[2])["seen"]["phash"].to_pylist() == [None, 2**63 - 1, -(2**63)]


def test_recording_a_day_again_changes_only_what_changed(engine: Engine, local_store: LocalStore) -> None:
    later = DAY + dt.timedelta(days=1)
    assert record_images(engine, "face", DAY, images("a", "b")) == 2
    assert record_images(engine, "face", DAY, images("b", "a", "a")) == 0
    assert record_images(engine, "face", DAY, images("b", "c")) == 2
    assert seen(engine, local_store, later) == ["b", "c"]


def test_a_picture_belongs_to_the_earliest_day_that_has_it(engine: Engine, local_store: LocalStore) -> None:
    later, last = DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=2)
    record_images(engine, "face", later, images("a", "b"))
    record_images(engine, "face", DAY, images("a"))
    record_images(engine, "face", later, images("b"))  # it finds "a" among the earlier ones, so has it no more

    assert seen(engine, local_store, later) == ["a"]
    assert seen(engine, local_store, last) == ["a", "b"]


# -- assets ----------------------------------------------------------------------------------------------------
def test_an_asset_is_a_file_or_an_object(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"from a file")
    open_store(settings).put("weights/face.bin", b"from the bucket")

    found = load_assets(settings, {"detector": str(file), "backbone": "weights/face.bin"})

    assert found == {"detector": b"from a file", "backbone": b"from the bucket"}
    assert load_assets(settings, {}) == {}


@pytest.mark.parametrize("place", ["weights/gone.bin", "/nowhere/gone.bin", "../gone.bin"])
def test_an_asset_that_is_nowhere_names_both_places(settings: Settings, place: str) -> None:
    with pytest.raises(
        InputError, match=r"no detector: neither a file '.*gone.bin' nor an object '.*gone.bin'"
    ):
        load_assets(settings, {"detector": place})
