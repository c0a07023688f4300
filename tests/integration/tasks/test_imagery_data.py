"""Image moderation's data, from a reviewed decision to a trained version, on a real database and store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from models.family import get_family
from models.imagery.answering import score_images
from models.imagery.collecting import MOVING
from models.imagery.labels import BOTH
from models.imagery.predictor import load
from storage import candidates, reviews
from storage.candidates import Filter
from storage.copying import copy_out, cursor
from storage.database import transaction
from storage.image_hashes import SEEN, seen_before
from storage.moderation_images import image_key, store_image
from storage.objects import open_store
from tasks import building
from tasks.gold import add_gold
from tasks.heavy_training import fit_heavy
from tasks.platform import Platform
from tasks.training import load_rows
from tests.imagery_world import CLASSES, TINY, animation, insert_decision, picture

DAY = dt.date(2026, 11, 2)
NOON = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
AT = dt.datetime(2026, 12, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _cpu(platform_parts: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGERY_DEVICE", "cpu")


def reviewed(parts: Platform, data: bytes, labels: str = "", **more: Any) -> str:
    """A picture that a person has looked at; the key of its example."""
    key = store_image(parts.settings, data)
    insert_decision(parts.engine, [key], reviews=[(labels, "rita", NOON)], **more)
    return key


def collect() -> dict[str, Any]:
    from tasks.collection import publish_candidates

    found: dict[str, Any] = publish_candidates.fn("imagery", DAY)
    return found


def rows_of(parts: Platform, name: str) -> dict[str, dict[str, Any]]:
    table = parts.datasets.table(parts.datasets.find(f"imagery/{name}"))
    return {row["photo"]: row for row in table.to_pylist()}


def test_what_a_person_reviewed_becomes_an_example_and_only_doubts_wait_for_another(
    platform_parts: Platform,
) -> None:
    clear = reviewed(platform_parts, picture("nsfw", 1), "nsfw")
    both = reviewed(platform_parts, picture("violence", 2), "nsfw+violence")
    moving = reviewed(platform_parts, animation(["safe", "safe"]))

    report = collect()

    assert (report["examples"], report["flagged"]) == (3, {BOTH: 1, MOVING: 1})
    assert report["classes"] == {"nsfw": 2, "safe": 1}
    assert {key: row["flag"] for key, row in rows_of(platform_parts, f"candidates/{DAY}").items()} == {
        clear: None, both: BOTH, moving: MOVING,
    }  # fmt: skip
    waiting = candidates.page(platform_parts.engine, Filter("imagery"), limit=10)
    assert {(one.image, one.label) for one in waiting} == {(both, "nsfw"), (moving, "safe")}


def test_all_pictures_are_remembered_not_those_alone_that_wait(platform_parts: Platform) -> None:
    key = reviewed(platform_parts, picture("safe", 1))
    collect()
    with transaction(platform_parts.engine) as connection, cursor(connection) as cur:
        seen = copy_out(cur, seen_before("imagery", DAY + dt.timedelta(days=1)), SEEN)
    assert seen["image"].to_pylist() == [key]


def test_collecting_a_day_again_changes_nothing_even_when_its_pictures_are_gone(
    platform_parts: Platform,
) -> None:
    media = open_store(platform_parts.settings, platform_parts.settings.media_bucket)
    media.put("posts/1.jpg", picture("safe", 1))
    insert_decision(platform_parts.engine, ["posts/1.jpg"], reviews=[("", "rita", NOON)])
    first = collect()
    media.delete("posts/1.jpg")

    again = collect()

    assert (first["new"], again["new"], again["examples"]) == (True, False, 1)
    assert set(rows_of(platform_parts, f"candidates/{DAY}")) == {image_key(picture("safe", 1))}


def test_a_month_has_what_needs_no_second_look_and_what_got_one(platform_parts: Platform) -> None:
    clear = reviewed(platform_parts, picture("safe", 1))
    both = reviewed(platform_parts, picture("violence", 2), "nsfw+violence")
    reviewed(platform_parts, animation(["safe", "safe"]))
    collect()
    name = reviews.candidate_key([both])
    reviews.decide(
        platform_parts.engine, family="imagery", candidates=[name], decision="correct", decided_by="ada",
        decided_at=NOON, corrected_label="violence",
    )  # fmt: skip

    plan = building.plan_verified(platform_parts, "imagery", "2026-11")
    figures = building.publish(platform_parts, plan, at=AT, run_id="test")

    rows = rows_of(platform_parts, "verified/2026-11")
    assert {key: row["label"] for key, row in rows.items()} == {clear: "safe", both: "violence"}
    assert figures["waiting for review"] == 1
    assert rows[both]["image"] == picture("violence", 2)


def test_reviewed_pictures_and_gold_train_a_version_that_answers(
    platform_parts: Platform, tmp_path: Path
) -> None:
    for label in CLASSES:
        for number in range(60):
            file = tmp_path / label / f"person-{number}" / "1.png"
            file.parent.mkdir(parents=True)
            file.write_bytes(picture(label, number, form="PNG"))
    gold = add_gold(platform_parts, "imagery", tmp_path, at=NOON, run_id="test")
    for number in range(100, 140):
        label = CLASSES[number % 3]
        reviewed(platform_parts, picture(label, number), "" if label == "safe" else label, creator=f"u{number}")
    collect()
    for stage in (building.plan_verified, building.plan_full):
        building.publish(platform_parts, stage(platform_parts, "imagery", "2026-11"), at=AT, run_id="test")

    manifest = platform_parts.datasets.find("imagery/full/2026-11")
    rows = load_rows.fn(_resolved(), None)
    family = get_family("imagery")
    predictor = fit_heavy(family, rows, TINY, platform_parts.settings)

    assert gold.classes == {"nsfw": 60, "safe": 60, "violence": 60}
    assert manifest.rows == 220
    found = family.evaluate(predictor, rows.test, family.options(platform_parts.settings), 1)
    assert found.metrics["accuracy"] > 0.7
    answers = score_images(load(predictor.to_files()), [picture("nsfw", 999), picture("safe", 998)])
    nsfw = [(answer.scores or {})["nsfw"] for answer in answers]
    assert nsfw[0] > nsfw[1]


def _resolved() -> Any:
    from tasks.training import resolve_dataset

    return resolve_dataset.fn("imagery", None)


def test_pictures_of_forgotten_people_are_not_collected(platform_parts: Platform) -> None:
    from storage.erasure import remember, subject_hash

    reviewed(platform_parts, picture("safe", 1), creator="gone")
    kept = reviewed(platform_parts, picture("safe", 2), creator="ann")
    with transaction(platform_parts.engine) as connection:
        subject = subject_hash(platform_parts.settings, "gone")
        remember(connection, subject, requested_by="ana", reason=None, at=NOON)
    collect()
    assert set(rows_of(platform_parts, f"candidates/{DAY}")) == {kept}
