"""Versions that are tried on published contents, in the background, with real models and a real database."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from config.errors import ModelInvalid
from demo.content_pictures import film
from models.family import get_family
from models.monitoring.rollouts import agreement
from models.rollout import in_trial
from storage.content_claims import ask_again
from storage.contents import get_content
from storage.media_jobs import jobs_of
from storage.moderation import history
from storage.objects import open_store
from storage.rollout_answers import answer_pairs, given_answers, unseen_answers
from tasks.content_later import WAITING
from tasks.content_models import FAMILIES, ContentModels
from tasks.content_work import Worked, moderate_video, work_on
from tasks.platform import Platform
from tests.content_models import NEUTRAL, SPAM, content_files, content_predictor
from tests.content_world import AT, publish
from tests.imagery_world import picture, tiny_imagery_files, tiny_imagery_model

SPAN = (AT - timedelta(minutes=1), AT + timedelta(minutes=1))
NAMES = [f"c-{number}" for number in range(30)]
ITS = [name for name in NAMES if in_trial(7, name, 0.5)]


def another(family: str) -> Any:
    """A predictor of its own with the same answers."""
    files = tiny_imagery_files() if family == "imagery" else content_files(family)
    return get_family(family).load(dict(files))


def try_out(parts: Platform, family: str, predictor: Any, **how: Any) -> None:
    parts.registry.try_out(family, predictor, **how)  # type: ignore[attr-defined]


def work(parts: Platform, models: ContentModels, ids: list[str]) -> Worked:
    """The work on them, and what is done beside it."""
    for family in FAMILIES:
        models.known(family)
    models.later.join()
    done = work_on(parts, models, ids, AT)
    models.later.join()
    return done


def in_production(parts: Platform, family: str, predictor: Any) -> None:
    parts.registry.production_of[family] = ("3", predictor)  # type: ignore[attr-defined]


def published(parts: Platform, **more: Any) -> list[str]:
    rows = [{"id": name, "text": f"{(NEUTRAL, SPAM)[at % 2]} {at}", **more} for at, name in enumerate(NAMES)]
    return publish(parts, *rows)


def versions(parts: Platform, column: str) -> dict[str, str]:
    query = text(f"select content_id, {column} from moderation_decisions")
    with parts.engine.connect() as connection:
        return {str(name): str(version) for name, version in connection.execute(query)}


def with_pictures(parts: Platform) -> None:
    in_production(parts, "imagery", tiny_imagery_model())
    store = open_store(parts.settings, parts.settings.media_bucket)
    for name in ("safe", "violence"):
        store.put(f"{name}.jpg", picture(name, 5))


def fails(predictor: Any, name: str) -> Any:
    def no(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    object.__setattr__(predictor, name, no)  # some are frozen
    return predictor


def test_a_canary_judges_the_same_contents_as_in_the_service(parts: Platform, models: ContentModels) -> None:
    try_out(parts, "moderation", another("moderation"))
    done = work(parts, models, published(parts))
    assert len(done.moderated) == len(NAMES)
    assert versions(parts, "version") == {name: "9" if name in ITS else "3" for name in NAMES}
    assert 5 < len(ITS) < 25
    assert given_answers(parts.engine, "moderation", "9", *SPAN).answers == len(ITS)
    assert given_answers(parts.engine, "moderation", "3", *SPAN).answers == len(NAMES) - len(ITS)


def test_a_shadow_judges_the_same_unseen_once_however_often_it_is_done(
    parts: Platform, models: ContentModels
) -> None:
    try_out(parts, "moderation", another("moderation"), mode="shadow", share=1)
    ids = published(parts)
    work(parts, models, ids)
    work(parts, models, ids)
    assert set(versions(parts, "version").values()) == {"3"}
    assert unseen_answers(parts.engine, "moderation", "9", *SPAN).answers == len(NAMES)
    pairs = answer_pairs(parts.engine, "moderation", "9", "3", *SPAN)
    found = agreement("moderation", [(one.given, one.unseen, one.entity) for one in pairs])
    assert found is not None
    assert (found.pairs, found.same, found.score) == (len(NAMES), 1.0, pytest.approx(0.0))
    assert {one.given["decision"] for one in pairs} == {"approved", "rejected"}


@pytest.mark.parametrize("family", ["sentiment", "topics", "entities"])
@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_parts_of_the_analysis_are_tried_and_no_word_of_the_texts_is_kept(
    parts: Platform, models: ContentModels, family: str, mode: str
) -> None:
    in_production(parts, family, content_predictor(family))
    try_out(parts, family, another(family), mode=mode, share=0.5)
    work(parts, models, published(parts))
    told = {name: get_content(parts.engine, name).analysis["parts"][family] for name in NAMES}  # type: ignore
    own = {name: "9" if mode == "canary" and name in ITS else "3" for name in NAMES}
    assert told == own
    given = [given_answers(parts.engine, family, version, *SPAN).answers for version in ("3", "9")]
    if mode == "canary":
        assert given == [len(NAMES) - len(ITS), len(ITS)]
    else:
        pairs = answer_pairs(parts.engine, family, "9", "3", *SPAN)
        assert {one.entity for one in pairs} == set(ITS)
        assert all(one.given == one.unseen for one in pairs)
    with parts.engine.connect() as connection:
        kept = str(connection.execute(text("select answer from shadow_answers")).all())
    assert not any(word in kept for word in (*NEUTRAL.split(), *SPAM.split()) if len(word) > 3)


@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_pictures_of_contents_are_tried(parts: Platform, models: ContentModels, mode: str) -> None:
    with_pictures(parts)
    try_out(parts, "imagery", another("imagery"), mode=mode)
    work(parts, models, published(parts, images=["safe.jpg", "violence.jpg"]))
    own = {name: "9" if mode == "canary" and name in ITS else "3" for name in NAMES}
    assert versions(parts, "image_version") == own
    counted = [given_answers(parts.engine, "imagery", version, *SPAN).answers for version in ("3", "9")]
    if mode == "canary":
        assert counted == [len(NAMES) - len(ITS), len(ITS)]
    else:
        pairs = answer_pairs(parts.engine, "imagery", "9", "3", *SPAN)
        assert {one.entity for one in pairs} == set(ITS)
        assert all(one.given == one.unseen and one.given["scores"]["violence"] > 0 for one in pairs)


@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_the_frames_of_a_video_are_tried(shared: Platform, models: ContentModels, mode: str) -> None:
    with_pictures(shared)
    store = open_store(shared.settings, shared.settings.media_bucket)
    store.put("film.mp4", film(3))
    try_out(shared, "imagery", another("imagery"), mode=mode, share=0.5)
    name = next(name for name in NAMES if name in ITS)
    ids = publish(
        shared, {"id": name, "kind": "video", "text": SPAM, "video": "film.mp4", "images": ["safe.jpg"]}
    )
    work(shared, models, ids)
    (job,) = jobs_of(shared.engine, name)
    before = len(list(shared.store.list("")))
    done = moderate_video(shared, models, job, AT, on_progress=lambda _: None)
    models.later.join()
    assert done["version"] == ("9" if mode == "canary" else "3")
    (decided,) = history(shared.engine, name)
    assert decided.image_version == done["version"]
    if mode == "shadow":
        (pair,) = answer_pairs(shared.engine, "imagery", "9", "3", *SPAN)
        assert pair.given == pair.unseen
        # what the shadow looked at is not kept a second time
        assert len(list(shared.store.list(""))) - before <= len(set(decided.images))


@pytest.mark.parametrize(
    ("family", "method", "column"),
    [("moderation", "score", "version"), ("imagery", "answer_photos", "image_version")],
)
def test_where_a_tried_version_fails_production_judges(
    parts: Platform, models: ContentModels, family: str, method: str, column: str
) -> None:
    with_pictures(parts)
    for mode in ("canary", "shadow"):
        try_out(parts, family, fails(another(family), method), mode=mode)
    try_out(parts, "sentiment", fails(another("sentiment"), "sentiments"))
    done = work(parts, models, published(parts, images=["safe.jpg"]))
    assert (len(done.moderated), len(done.analyzed), done.failed) == (len(NAMES), len(NAMES), {})
    assert set(versions(parts, column).values()) == {"3"}
    content = get_content(parts.engine, ITS[0])
    assert content is not None
    assert content.analysis is not None
    assert content.analysis["parts"]["sentiment"] == "2"


def test_a_version_that_cannot_be_loaded_is_not_tried_and_not_fetched_each_time(
    parts: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Counter[str]()
    load: Callable[..., Any] = parts.registry.load

    def counted(family: str, version: str) -> Any:
        loaded[version] += 1
        return load(family, version)

    monkeypatch.setattr(parts.registry, "load", counted)
    try_out(parts, "moderation", ModelInvalid("it is damaged"))
    for _ in range(5):
        assert models.known("moderation")[1] is None
        models.later.join()
    assert loaded["9"] == 1
    work(parts, models, published(parts))
    assert set(versions(parts, "version").values()) == {"3"}


def test_what_was_tried_leaves_the_memory_when_it_ends(parts: Platform, models: ContentModels) -> None:
    predictor = another("sentiment")
    gone = weakref.ref(predictor)
    try_out(parts, "sentiment", predictor, mode="shadow", share=1)
    work(parts, models, published(parts))
    assert models.known("sentiment")[1] is not None
    try_out(parts, "sentiment", None)
    del predictor
    work(parts, models, publish(parts, {"id": "later", "text": NEUTRAL}))
    gc.collect()
    assert gone() is None


def test_a_version_that_is_promoted_is_tried_no_more(parts: Platform, models: ContentModels) -> None:
    try_out(parts, "moderation", another("moderation"))
    models.known("moderation")
    models.later.join()
    assert models.known("moderation")[1] is not None
    parts.registry.production_of["moderation"] = parts.registry.tried["moderation"]  # type: ignore[attr-defined]
    parts.registry.tags.clear()  # type: ignore[attr-defined]
    assert models.known("moderation")[1] is None
    current = models.current("moderation")
    assert current is not None
    assert current.version == "9"


def test_a_download_that_hangs_holds_no_content_up(
    parts: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on, load = threading.Event(), parts.registry.load

    def slow(family: str, version: str) -> Any:
        if version == "9":
            assert going_on.wait(30)
        return load(family, version)

    monkeypatch.setattr(parts.registry, "load", slow)
    try_out(parts, "moderation", another("moderation"))
    done = work_on(parts, models, published(parts), AT)
    assert len(done.moderated) == len(NAMES)
    going_on.set()
    models.later.join()
    assert models.known("moderation")[1] is not None


def test_a_shadow_that_is_behind_is_asked_less_and_holds_no_content_up(
    parts: Platform, models: ContentModels
) -> None:
    try_out(parts, "moderation", another("moderation"), mode="shadow", share=1)
    models.known("moderation")
    models.later.join()
    going_on = threading.Event()
    tried = models.known("moderation")[1]
    assert tried is not None
    score = tried.model.predictor.score

    def slow(texts: Any) -> Any:
        assert going_on.wait(30)
        return score(texts)

    object.__setattr__(tried.model.predictor, "score", slow)
    for number in range(WAITING + 3):
        done = work_on(parts, models, publish(parts, {"id": f"n-{number}", "text": NEUTRAL}), AT)
        assert done.decisions == {f"n-{number}": "approved"}
    going_on.set()
    models.later.join()
    assert unseen_answers(parts.engine, "moderation", "9", *SPAN).answers == WAITING


@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_a_version_that_answers_too_little_costs_nothing(
    parts: Platform, models: ContentModels, mode: str
) -> None:
    in_production(parts, "entities", content_predictor("entities"))
    short = another("entities")
    entities = short.entities
    object.__setattr__(short, "entities", lambda texts: entities(texts)[:-1])
    try_out(parts, "entities", short, mode=mode)
    done = work(parts, models, published(parts))
    assert (len(done.analyzed), done.failed) == (len(NAMES), {})
    found = [get_content(parts.engine, name) for name in NAMES]
    assert {one.analysis["parts"]["entities"] for one in found if one and one.analysis} == {"3"}


def test_pictures_that_nothing_could_look_at_compare_nothing(parts: Platform, models: ContentModels) -> None:
    with_pictures(parts)
    try_out(parts, "imagery", another("imagery"), mode="shadow", share=1)
    rows = [
        {"id": "gone", "text": NEUTRAL, "images": ["gone.jpg"]},
        {"id": "there", "text": NEUTRAL, "images": ["safe.jpg", "gone.jpg"]},
    ]
    work(parts, models, publish(parts, *rows))
    pairs = answer_pairs(parts.engine, "imagery", "9", "3", *SPAN)
    assert [one.entity for one in pairs] == ["there"]


def test_the_same_content_in_another_rollout_is_another_question(
    parts: Platform, models: ContentModels
) -> None:
    try_out(parts, "sentiment", another("sentiment"), mode="shadow", share=1)
    ids = published(parts)
    work(parts, models, ids)
    try_out(parts, "sentiment", another("sentiment"), mode="shadow", share=1, number=8)
    ask_again(parts.engine, ids, AT, moderate=False, analyze=True)
    work(parts, models, ids)
    assert len(answer_pairs(parts.engine, "sentiment", "9", "2", *SPAN)) == 2 * len(NAMES)
