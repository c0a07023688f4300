"""Collecting faces: from the photo bucket and user_styles to candidates and their index."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from models.family import get_family
from storage import candidates, reviews
from storage.candidates import Candidate, Filter
from storage.database import transaction
from storage.datasets.repository import DatasetRepository
from storage.erasure import remember, subject_hash
from storage.objects import open_store
from tasks.candidates import rerank_waiting
from tasks.platform import Platform
from tests.photo_world import (
    DAY,
    Shot,
    encoded,
    later,
    nobody,
    photo_store,
    pixels_of,
    portrait,
    shots,
    take,
    tell,
)

NEXT_DAY = DAY + dt.timedelta(days=1)
AT = dt.datetime(2026, 11, 5, 9, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings as a worker's process reads them."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    environment = {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
        "FACE_CLASSES": "Serious,Soft,Warm",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def parts(settings: Settings) -> Iterator[Platform]:
    made = Platform(settings)
    yield made
    made.close()


@pytest.fixture
def datasets(settings: Settings) -> DatasetRepository:
    return DatasetRepository(open_store(settings))


def collect(day: dt.date = DAY) -> dict[str, Any]:
    from tasks.collection import publish_candidates

    found: dict[str, Any] = publish_candidates.fn("face", day)
    return found


def queue(engine: Engine, **filters: Any) -> list[Candidate]:
    return candidates.page(engine, Filter("face", **{"state": "any"} | filters), limit=500)


def by_image(engine: Engine) -> dict[str | None, Candidate]:
    return {one.image: one for one in queue(engine)}


def on(day: dt.date, shot: Shot, **changes: Any) -> Shot:
    """``shot`` at the same hour of another day."""
    return later(shot, at=shot.at + (day - DAY), **changes)


def rows_of(datasets: DatasetRepository, day: dt.date = DAY) -> dict[str, dict[str, Any]]:
    table = datasets.table(datasets.manifest("face", "candidates", day.isoformat()))
    return {row["photo"]: row for row in table.to_pylist()}


def test_a_days_photos_become_candidates_with_their_bytes(
    settings: Settings, engine: Engine, datasets: DatasetRepository
) -> None:
    taken = take(settings, engine, shots(20, 3))

    day = collect()

    assert (day["examples"], day["new"], day["read"]) == (60, True, {"user_styles": 60})
    assert day["dropped"] == {"of forgotten users": 0, "collected before": 0}
    rows = rows_of(datasets)
    assert {name: row["image"] for name, row in rows.items()} == {shot.photo: shot.data for shot in taken}
    found = by_image(engine)
    assert len(found) == 60
    one, shot = found["u4/1.jpg"], next(shot for shot in taken if shot.photo == "u4/1.jpg")
    assert (one.candidate, one.entity, one.label, one.state) == (
        '["u4/1.jpg"]',
        "u4",
        shot.predicted,
        "waiting",
    )
    assert one.confidence == pytest.approx(shot.confidence)
    assert (one.dataset, one.day) == ("face/candidates/2026-11-02", DAY)
    assert one.values["sha256"] == rows["u4/1.jpg"]["sha256"]


def test_collecting_a_day_again_collects_nothing_twice_and_keeps_what_was_decided(
    settings: Settings, engine: Engine, datasets: DatasetRepository
) -> None:
    taken = take(settings, engine, shots(8, 3))
    take(
        settings, engine, [Shot("u1/copy.jpg", taken[0].data, at=taken[-1].at), Shot("u2/none.jpg", nobody(4))]
    )
    collect()
    chosen = [(one.id, one.revision) for one in queue(engine)[:5]]
    candidates.decide_many(engine, chosen, "accept", by="ana", at=AT)
    before = queue(engine)

    again = collect()

    assert (again["new"], again["indexed"], again["examples"]) == (False, 0, 26)
    assert queue(engine) == before
    assert datasets.manifest("face", "candidates", DAY.isoformat()).revision == 1
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from image_hashes")).scalar() == 26


def test_a_photo_that_was_replaced_or_deleted_since_stays_as_it_was_collected(
    settings: Settings, engine: Engine, datasets: DatasetRepository
) -> None:
    taken = take(settings, engine, shots(15, 3))
    collect()
    bucket = photo_store(settings)
    bucket.put(taken[3].photo, portrait(901))
    bucket.put(taken[40].photo, b"no picture any more")
    for number in (4, 7, 44):
        bucket.delete(taken[number].photo)

    again = collect()

    assert (again["new"], again["indexed"]) == (False, 0)
    take(settings, engine, [on(NEXT_DAY, taken[3], data=portrait(901)), on(NEXT_DAY, taken[4], data=None)])
    assert collect(NEXT_DAY)["dropped"]["collected before"] == 1
    bucket.put(taken[3].photo, portrait(902))
    assert collect(NEXT_DAY)["new"] is False
    assert [row["image"] for row in rows_of(datasets, NEXT_DAY).values()] == [portrait(901)]


def test_the_same_photos_make_the_same_bytes_in_any_order_of_arrival(
    settings: Settings, engine: Engine
) -> None:
    taken = shots(10, 3)
    take(settings, engine, taken[::-1])
    collect()
    first = open_store(settings)
    names = {info.key: info.size for info in first.list("datasets/face")}
    with transaction(engine) as connection:
        for table in ("user_styles", "candidates", "image_hashes"):
            connection.execute(text(f"delete from {table}"))
    tell(engine, taken)

    assert collect()["new"] is False
    assert {info.key: info.size for info in first.list("datasets/face")} == names


def test_what_is_odd_is_set_aside_with_a_reason_and_counted_by_kind(
    settings: Settings, engine: Engine, datasets: DatasetRepository
) -> None:
    first = Shot("u1/first.jpg", portrait(1))
    odd = [
        later(first, photo="u2/copy.jpg"),
        later(first, photo="u3/resaved.jpg", data=encoded(pixels_of(1), "JPEG", quality=70)),
        later(first, photo="u3/resaved-too.jpg", data=encoded(pixels_of(1), "WEBP", quality=70)),
        later(first, photo="u4/empty.jpg", data=b""),
        later(first, photo="u4/gone.jpg", data=None),
        later(first, photo="u4/text.jpg", data=b"a text that is called a picture"),
        later(first, photo="../up.jpg", data=None),
    ]
    tell(engine, [first, *odd])
    for shot in [first, *odd]:
        if shot.data is not None:
            photo_store(settings).put(shot.photo, shot.data)

    day = collect()

    assert day["flagged"] == {
        "empty file": 1,
        "exact duplicate of another photo": 1,
        "near duplicate of another photo (N of N bits)": 2,
        "not an image": 1,
        "the photo is missing in the bucket": 1,
        "the photo's key is not one that a bucket can hold": 1,
    }
    assert datasets.manifest("face", "candidates", DAY.isoformat()).details == {"flagged": day["flagged"]}
    assert day["set aside"] is True
    states = {one.values.get("duplicate_of"): one.state for one in queue(engine, state="aside")}
    assert states == {None: "aside", "u1/first.jpg": "aside"}
    assert [one.image for one in queue(engine, state="waiting")] == ["u1/first.jpg"]
    assert candidates.counts(engine, Filter("face", state="aside")).by_kind == day["flagged"]
    rows = rows_of(datasets)
    assert rows["u4/text.jpg"]["image"] is None
    assert (rows["u4/text.jpg"]["bytes"], rows["u4/empty.jpg"]["bytes"]) == (31, 0)


def test_later_days_know_what_earlier_days_have(
    settings: Settings, engine: Engine, datasets: DatasetRepository
) -> None:
    known = take(settings, engine, shots(3, 2))
    collect()
    asked_again = on(NEXT_DAY, known[0], version="2")
    copied = on(NEXT_DAY, known[1], photo="u9/copy.jpg")
    replaced = on(NEXT_DAY, known[2], data=portrait(777))
    fresh = on(NEXT_DAY, known[3], photo="u9/new.jpg", data=portrait(778))
    take(settings, engine, [asked_again, copied, replaced, fresh])

    day = collect(NEXT_DAY)

    rows = rows_of(datasets, NEXT_DAY)
    assert day["dropped"]["collected before"] == 1
    assert rows["u9/copy.jpg"]["flag"] == f"exact duplicate of another photo: {known[1].photo}"
    assert rows["u9/new.jpg"]["flag"] is None
    [other] = [row for name, row in rows.items() if name.startswith(f"{known[2].photo}#")]
    assert (other["image"], other["flag"], len(rows)) == (portrait(777), None, 3)
    assert collect(NEXT_DAY)["new"] is False


def test_late_data_becomes_the_next_revision_and_is_in_the_index(
    settings: Settings, engine: Engine, datasets: DatasetRepository
) -> None:
    taken = shots(4, 2)
    take(settings, engine, taken[:5])
    collect()
    decided = queue(engine)[0]
    candidates.decide_many(engine, [(decided.id, decided.revision)], "accept", by="ana", at=AT)
    take(settings, engine, taken[5:])

    day = collect()

    assert (day["new"], day["examples"]) == (True, 8)
    assert datasets.manifest("face", "candidates", DAY.isoformat()).revision == 2
    found = queue(engine)
    assert {one.dataset for one in found} == {"face/candidates/2026-11-02.r2"}
    assert [one.state for one in found].count("accept") == 1
    assert len(found) == 8


def test_forgotten_users_are_left_out_and_counted(settings: Settings, engine: Engine) -> None:
    take(settings, engine, shots(4, 2))
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "u2"), requested_by="ana", reason=None, at=AT)

    day = collect()

    assert (day["examples"], day["dropped"]["of forgotten users"]) == (6, 2)
    assert "u2" not in {one.entity for one in queue(engine)}


def test_a_photo_of_another_users_folder_is_left_out_and_counted(settings: Settings, engine: Engine) -> None:
    theirs, mine = shots(2, 1)
    for shot in (theirs, mine):
        photo_store(settings).put(shot.photo, shot.data or b"")
    assert theirs.photo == "u0/0.jpg"
    tell(engine, [mine])
    with transaction(engine) as connection:
        connection.execute(text("update user_styles set photos = photos || :also"), {"also": [theirs.photo]})

    day = collect()

    assert (day["examples"], day["dropped"]["in another user's folder"]) == (1, 1)
    assert [(one.image, one.entity) for one in queue(engine)] == [(mine.photo, "u1")]


@pytest.mark.parametrize("written", ["{}", "style-photos/{}", "/style-photos/{}", " {}"])
def test_a_key_may_be_written_with_the_buckets_name_or_without(
    settings: Settings, engine: Engine, written: str
) -> None:
    [shot] = shots(1, 1)
    photo_store(settings).put(shot.photo, shot.data or b"")
    tell(engine, [shot], written=written)

    collect()

    assert [(one.image, one.flag) for one in queue(engine)] == [("u0/0.jpg", None)]


def test_what_was_said_of_a_user_alone_is_taken_for_each_photo(settings: Settings, engine: Engine) -> None:
    [shot] = shots(1, 1)
    photo_store(settings).put(shot.photo, shot.data or b"")
    tell(engine, [shot], whole=False)

    collect()

    [one] = queue(engine)
    assert (one.label, one.confidence, one.margin) == (shot.predicted, shot.confidence, None)


def test_an_empty_day_is_an_empty_version(datasets: DatasetRepository) -> None:
    assert (collect()["examples"], collect()["new"]) == (0, False)
    assert datasets.manifest("face", "candidates", DAY.isoformat()).rows == 0


def test_admins_see_first_what_is_uncertain_and_a_users_disagreeing_photos_together(
    settings: Settings, engine: Engine
) -> None:
    def shot(photo: str, person: int, predicted: str, confidence: float) -> Shot:
        return Shot(photo, portrait(person), predicted=predicted, confidence=confidence)

    take(
        settings, engine,
        [
            shot("sure/1.jpg", 1, "Soft", 0.95), shot("unsure/1.jpg", 2, "Soft", 0.5),
            shot("torn/1.jpg", 3, "Soft", 0.4), shot("torn/2.jpg", 4, "Warm", 0.99),
            shot("fair/1.jpg", 5, "Warm", 0.7),
        ],
    )  # fmt: skip

    collect()

    found = queue(engine)
    assert [one.image for one in found] == [
        "torn/1.jpg",
        "torn/2.jpg",
        "unsure/1.jpg",
        "fair/1.jpg",
        "sure/1.jpg",
    ]
    assert {one.cluster for one in found[:2]} == {"torn"}


def test_the_order_follows_gold_and_days_that_come_together(
    settings: Settings, engine: Engine, parts: Platform
) -> None:
    even = [
        Shot("a/1.jpg", portrait(1), predicted="Soft", confidence=0.6),
        Shot("b/1.jpg", portrait(2), predicted="Warm", confidence=0.65),
    ]
    take(settings, engine, even)
    collect()
    assert [one.image for one in queue(engine)] == ["a/1.jpg", "b/1.jpg"]
    family = get_family("face")
    gold = rows_of(parts.datasets)["a/1.jpg"] | {"label": "Soft", "photo": "gold/1"}
    parts.datasets.publish(
        family="face", stage="gold", period="base", schema=family.schema,
        batches=[pa.RecordBatch.from_pylist([gold], family.schema)], made_by="test", label="label",
        split="split",
    )  # fmt: skip

    assert rerank_waiting(parts, family) == 1
    assert [one.image for one in queue(engine)] == ["b/1.jpg", "a/1.jpg"]  # no gold of Warm yet

    take(settings, engine, [on(NEXT_DAY, even[0], photo="a/2.jpg", data=portrait(3), predicted="Serious")])
    collect(NEXT_DAY)
    together = {one.image: one.cluster for one in queue(engine)}
    assert together == {"a/1.jpg": "a", "a/2.jpg": "a", "b/1.jpg": '["b/1.jpg"]'}
    assert rerank_waiting(parts, family) == 0


def test_the_flagged_rows_of_a_tabular_family_are_in_the_index(settings: Settings, engine: Engine) -> None:
    from storage.bulk import load_snapshots
    from tasks.collection import publish_candidates
    from tests.viral_world import snapshots

    load_snapshots(engine, snapshots())
    day = publish_candidates.fn("viral", dt.date(2026, 10, 26))

    found = candidates.page(engine, Filter("viral"), limit=500)

    assert 0 < len(found) == sum(day["flagged"].values()) < day["examples"]
    assert {one.kind for one in found} == set(day["flagged"])
    one = found[0]
    assert one.candidate == reviews.candidate_key(
        [one.values["video_id"], dt.datetime.fromisoformat(one.values["taken_at"])]
    )
    assert (one.entity, one.label, one.set_aside) == (one.values["video_id"], one.values["label"], False)
    assert one.values["views"] >= 0
    assert publish_candidates.fn("viral", dt.date(2026, 10, 26))["indexed"] == 0
