"""Versions of pictures and of the analysis that are tried beside those in production, in process."""

from __future__ import annotations

import base64
import json
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.analysis import digest, kept
from models.rollout import in_trial
from serving.content_pictures import NOT_READ, Looked, Pictures
from tests.imagery_world import picture
from tests.unit.serving.conftest import KEY
from tests.unit.serving.content.conftest import ContentWorld, files_of

Make = Callable[..., ContentWorld]
ANALYSIS = ("sentiment", "topics", "entities")
TEXT = "I love the night train to Lisbon with Maria Silva"
PHOTO = base64.b64encode(picture("violence", 4)).decode()


def try_out(
    world: ContentWorld, family: str, *, mode: str = "canary", share: float = 0.4, number: int = 7
) -> None:
    """Version 4 of the family, from the next look on."""
    world.versions.tried[family] = files_of(family)
    told = {"id": number, "version": "4", "mode": mode, "share": share, "dataset": "full"}
    told["started_at"] = "2026-11-20T12:00:00+00:00"
    world.versions.tags[family] = {"assay.rollout": json.dumps(told)}
    world.runtime.models.look()
    assert world.runtime.models[family].slot.rollout is not None


def stop(world: ContentWorld, family: str) -> None:
    del world.versions.tags[family]
    world.runtime.models.look()


def compared(world: ContentWorld, count: int) -> list[dict[str, Any]]:
    """The answers that are kept to be compared, once there are so many; none come after them."""
    shadow = world.runtime.shadow
    assert shadow.spool is not None
    assert shadow.shipper is not None
    deadline = time.monotonic() + 10
    while len(world.compared) < count:
        assert time.monotonic() < deadline, f"{len(world.compared)} of {count}"
        time.sleep(0.05)
        shadow.spool.rotate()
        shadow.shipper.ship()
    assert len(world.compared) == count
    return world.compared


def analyzed(world: ContentWorld, names: range) -> list[dict[str, Any]]:
    items = [{"content_id": f"c-{name}", "content_data": {"text": f"{TEXT} {name}"}} for name in names]
    found = world.ask("POST", "/api/v1/analyze/batch", json={"items": items})
    assert found.status_code == 200
    results: list[dict[str, Any]] = found.json()["results"]
    return results


def moderated(world: ContentWorld, names: range, **more: Any) -> list[dict[str, Any]]:
    items = [{"content_id": f"c-{name}", "images": [PHOTO, PHOTO], **more} for name in names]
    found = world.ask("POST", "/api/v1/moderate/batch", json={"items": items})
    assert found.status_code == 200
    results: list[dict[str, Any]] = found.json()["results"]
    return results


def outcomes(world: ContentWorld, family: str, outcome: str, mode: str = "canary") -> float:
    text = world.ask("GET", "/metrics", headers={"x-api-key": KEY}).text
    begins = f'assay_rollout_answers_total{{family="{family}",mode="{mode}",outcome="{outcome}"'
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(begins)), 0.0)


@pytest.mark.parametrize("family", ANALYSIS)
def test_a_canary_analyzes_its_share_of_the_contents_and_says_so(make_content: Make, family: str) -> None:
    world = make_content(family)
    before = analyzed(world, range(60))
    try_out(world, family)
    found = analyzed(world, range(60))

    versions = [one["parts"][family] for one in found]
    assert 10 < versions.count("4") < 38
    assert versions.count("3") == 60 - versions.count("4")
    assert [one["parts"][family] for one in analyzed(world, range(60))] == versions  # the same ones each time
    single = world.ask(
        "POST", "/api/v1/analyze", json={"content_id": "c-5", "content_data": {"text": f"{TEXT} 5"}}
    ).json()
    assert single["parts"][family] == versions[5]
    # the same files: whoever answered, each text has its own analysis, at its own place
    assert [one | {"parts": 0} for one in found] == [one | {"parts": 0} for one in before]
    rows = compared(world, 121)
    assert Counter(row["model_version"] for row in rows) == {
        "3": 2 * versions.count("3") + (versions[5] == "3"),
        "4": 2 * versions.count("4") + (versions[5] == "4"),
    }
    assert {row["family"] for row in rows} == {family}
    assert outcomes(world, family, "answered") == sum(row["model_version"] == "4" for row in rows)


def test_families_are_tried_independently_of_one_another(make_content: Make) -> None:
    world = make_content(*ANALYSIS)
    for number, family in enumerate(ANALYSIS):
        try_out(world, family, share=0.5, number=number + 1)
    found = Counter(tuple(one["parts"][family] for family in ANALYSIS) for one in analyzed(world, range(160)))
    assert len(found) == 8
    assert min(found.values()) > 5


@pytest.mark.parametrize("family", ANALYSIS)
def test_a_shadow_analyzes_the_same_texts_unseen_and_no_word_of_them_is_kept(
    make_content: Make, family: str
) -> None:
    world = make_content(family)
    try_out(world, family, mode="shadow", share=1)
    told = analyzed(world, range(9))
    assert {one["parts"][family] for one in told} == {"3"}
    rows = compared(world, 18)
    pairs: dict[str, dict[str, Any]] = {}
    for row in rows:
        pairs.setdefault(row["id"], {})[row["model_version"]] = row["answer"]
    assert len(pairs) == 9
    assert all(pair["3"] == pair["4"] for pair in pairs.values())  # the same files
    of_contents = {row["entity_id"]: row["answer"] for row in rows}
    assert of_contents == {digest(one["content_id"]): kept(family, one) for one in told}
    # nobody is told whose an analysis is: neither a word nor the content's id is left to delete
    assert not any(word in json.dumps(row) for row in rows for word in ("Maria", "train", "Lisbon"))
    assert {row["entity_id"] for row in rows}.isdisjoint(one["content_id"] for one in told)


def test_where_a_canary_fails_production_analyzes_and_it_is_counted(make_content: Make) -> None:
    world = make_content("sentiment")
    try_out(world, "sentiment", share=0.5)
    rollout = world.runtime.models["sentiment"].slot.rollout
    assert rollout is not None

    def fails(_texts: Any) -> Any:
        raise RuntimeError("no")

    rollout.model.predictor.sentiments = fails
    found = analyzed(world, range(40))
    assert {one["parts"]["sentiment"] for one in found} == {"3"}
    failed = outcomes(world, "sentiment", "failed")
    assert 8 < failed < 32
    assert outcomes(world, "sentiment", "answered") == 0
    assert {row["model_version"] for row in compared(world, 40)} == {"3"}


def test_of_two_canaries_the_one_that_fails_costs_the_other_nothing(make_content: Make) -> None:
    world = make_content("sentiment", "topics")
    before = analyzed(world, range(60))
    try_out(world, "sentiment", share=0.5, number=1)
    try_out(world, "topics", share=0.5, number=2)
    rollout = world.runtime.models["sentiment"].slot.rollout
    assert rollout is not None

    def fails(_texts: Any) -> Any:
        raise RuntimeError("no")

    rollout.model.predictor.sentiments = fails
    found = analyzed(world, range(60))
    assert {one["parts"]["sentiment"] for one in found} == {"3"}
    by_topics = [one["parts"]["topics"] for one in found].count("4")
    assert 15 < by_topics < 45
    assert all(one["parts"]["categories"] == one["parts"]["topics"] for one in found)
    assert [one | {"parts": 0} for one in found] == [one | {"parts": 0} for one in before]
    assert outcomes(world, "topics", "answered") == by_topics
    assert outcomes(world, "topics", "failed") == 0
    assert 15 < outcomes(world, "sentiment", "failed") < 45


def test_what_was_tried_leaves_the_memory_when_it_ends_though_nobody_asks_any_more(make_content: Make) -> None:
    world = make_content("sentiment")
    for mode in ("canary", "shadow"):
        try_out(world, "sentiment", mode=mode, share=0.5, number=len(mode))
        analyzed(world, range(20))
        compared(world, len(world.compared) + 20 + (mode == "shadow") * unseen_share(20, len(mode)))
        rollout = world.runtime.models["sentiment"].slot.rollout
        assert rollout is not None
        gone = weakref.ref(rollout.model.predictor)
        del rollout
        stop(world, "sentiment")
        deadline = time.monotonic() + 5
        while gone() is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert gone() is None


def unseen_share(count: int, number: int) -> int:
    """How many of the first contents are of the half that a shadow is asked."""
    return sum(in_trial(number, f"c-{name}", 0.5) for name in range(count))


def test_a_canary_looks_at_the_pictures_of_its_share(make_content: Make) -> None:
    world = make_content("moderation", "imagery")
    before = moderated(world, range(30))
    try_out(world, "imagery")
    found = moderated(world, range(30))

    versions = [one["versions"]["imagery"] for one in found]
    assert 3 < versions.count("4") < 22
    assert [one["scores"] for one in found] == [one["scores"] for one in before]
    shipped = {
        row["content_id"]: row["image_version"] for row in world.shipped() if row["image_version"] == "4"
    }
    assert sorted(shipped) == sorted(
        one["content_id"] for one, version in zip(found, versions, strict=True) if version == "4"
    )
    rows = compared(world, 30)
    assert Counter(row["model_version"] for row in rows) == Counter(versions)
    assert outcomes(world, "imagery", "answered") == versions.count("4")
    assert {row["family"] for row in rows} == {"imagery"}
    assert all(row["answer"]["scores"] and row["answer"]["decision"] for row in rows)


def test_a_shadow_looks_at_the_same_pictures_unless_they_are_not_to_be_recorded(make_content: Make) -> None:
    world = make_content("moderation", "imagery")
    try_out(world, "imagery", mode="shadow", share=1)
    told = moderated(world, range(5))
    moderated(world, range(5, 9), record=False)
    assert {one["versions"]["imagery"] for one in told} == {"3"}
    rows = compared(world, 10)
    assert {row["entity_id"] for row in rows} == {f"c-{name}" for name in range(5)}
    for version in ("3", "4"):
        answers = {row["entity_id"]: row["answer"]["scores"] for row in rows if row["model_version"] == version}
        assert answers == {one["content_id"]: one["scores"] for one in told}


def test_where_a_canary_fails_to_look_production_does_and_it_is_counted(
    make_content: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_content("moderation", "imagery")
    try_out(world, "imagery", share=0.5)
    rollout = world.runtime.models["imagery"].slot.rollout
    assert rollout is not None

    def fails(*_: Any) -> Any:
        raise RuntimeError("no")

    monkeypatch.setattr(rollout.model.predictor, "answer_photos", fails)
    found = moderated(world, range(20))
    assert {one["versions"]["imagery"] for one in found} == {"3"}
    assert all(entry["scores"] for one in found for entry in one["images"])
    assert 3 < outcomes(world, "imagery", "failed") < 17
    assert outcomes(world, "imagery", "answered") == 0


def test_without_a_rollout_no_answer_is_kept_to_compare(
    make_content: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_content("moderation", "imagery", *ANALYSIS)
    seen: list[Any] = []
    look = Pictures.look
    monkeypatch.setattr(Pictures, "look", lambda *given: seen.append(given) or look(*given))
    moderated(world, range(2))
    analyzed(world, range(2))
    assert len(seen) == 4
    assert world.runtime.shadow.spool is None
    assert world.compared == []


def test_a_picture_that_cannot_be_read_costs_a_shadow_its_own_content_and_is_not_its_fault(
    make_content: Make, bucket: Path
) -> None:
    world = make_content("moderation", "imagery")
    bucket.mkdir(parents=True, exist_ok=True)
    (bucket / "there.jpg").write_bytes(picture("safe", 3))
    try_out(world, "imagery", mode="shadow", share=1)
    look = Pictures.look

    def away(self: Pictures, image: Any, model: Any) -> Looked:
        if model.version == "4" and image == {"key": "there.jpg"}:
            return Looked(None, NOT_READ, None, "there.jpg", "4")
        return look(self, image, model)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Pictures, "look", away)
        items = [{"content_id": "a", "images": [{"key": "there.jpg"}]}, {"content_id": "b", "images": [PHOTO]}]
        assert world.ask("POST", "/api/v1/moderate/batch", json={"items": items}).status_code == 200
        rows = compared(world, 3)
    assert {row["entity_id"] for row in rows if row["model_version"] == "4"} == {"b"}
    assert outcomes(world, "imagery", "dropped", mode="shadow") == 1
    assert outcomes(world, "imagery", "failed", mode="shadow") == 0


def test_a_record_that_cannot_be_kept_is_counted_and_costs_no_answer(make_content: Make) -> None:
    world = make_content("sentiment")
    try_out(world, "sentiment")
    spool = world.runtime.shadow.spool
    assert spool is not None

    def full(_lines: bytes) -> None:
        raise OSError("the disk is full")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spool, "append", full)
        assert len(analyzed(world, range(7))) == 7
    text = world.ask("GET", "/metrics", headers={"x-api-key": KEY}).text
    wanted = 'assay_recorded_rows_total{queue="shadow_answers",service="content",state="lost"} 7.0'
    assert wanted in text


def test_a_shadow_that_answers_too_little_has_failed_and_nothing_is_lost(make_content: Make) -> None:
    world = make_content("entities")
    try_out(world, "entities", mode="shadow", share=1)
    rollout = world.runtime.models["entities"].slot.rollout
    assert rollout is not None
    entities = rollout.model.predictor.entities
    object.__setattr__(rollout.model.predictor, "entities", lambda texts: entities(texts)[:-1])
    analyzed(world, range(5))
    deadline = time.monotonic() + 10
    while not outcomes(world, "entities", "failed", mode="shadow"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert outcomes(world, "entities", "failed", mode="shadow") == 5
    text = world.ask("GET", "/metrics", headers={"x-api-key": KEY}).text
    assert 'queue="shadow_answers",service="content",state="lost"} 0.0' in text
