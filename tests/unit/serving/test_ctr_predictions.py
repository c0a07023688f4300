"""``POST /predict/ctr``: who answers, from which features, and what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.errors import DatabaseUnavailable
from models.ctr.heuristic import heuristic_rate
from serving.ctr_api import CtrApi
from serving.ctr_schema import EXAMPLE_QUESTION, MAX_CLIPS
from tests.clicks_world import FEATURES, PAST, tiny_ctr_predictor

AT = "2026-10-20T00:00:00Z"
MOMENT = datetime(2026, 10, 20, tzinfo=UTC)
KNOWN = {**FEATURES, "published_at": datetime(2026, 10, 1, 8, tzinfo=UTC), **PAST}
NUMBERS = ("predicted_ctr", "predicted_band", "ctr_low", "ctr_high", "confidence")


def figures(answer: dict[str, Any]) -> dict[str, Any]:
    """What is answered, as exactly as it must be where two questions are asked one after the other."""
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name in NUMBERS
        for value in (answer[name],)
    }


def test_inline_features_are_answered_by_the_model_and_say_which(ctr: Any) -> None:
    answer = ctr.predict(**FEATURES, **PAST, clip_id="c-1", at=AT).json()
    expected = tiny_ctr_predictor().predict_one({**KNOWN, "at": MOMENT})
    assert figures(answer) == figures(expected)
    assert (answer["answered_by"], answer["model_version"], answer["clip_id"]) == ("model", "1", "c-1")
    assert set(answer) == {
        *NUMBERS,
        "answered_by",
        "model_version",
        "clip_id",
        "prediction_id",
        "prediction_time_ms",
    }
    assert ctr.clips.asked == [], "a complete question needs no database"


def test_a_known_clip_is_answered_from_what_the_platform_knows_of_it(ctr: Any) -> None:
    ctr.clips.known["c-1"] = KNOWN
    by_id = ctr.predict(clip_id="c-1", placement="feed").json()
    inline = ctr.predict(**FEATURES, **PAST, placement="feed").json()
    assert figures(by_id) == figures(inline)
    assert by_id["clip_id"] == "c-1"
    assert inline["clip_id"] is None


def test_a_clip_may_be_named_in_the_address_as_it_was_before(ctr: Any) -> None:
    ctr.clips.known["c 1/ä"] = KNOWN
    answer = ctr.ask("POST", "/predict/ctr", params={"clip_id": "c 1/ä"})
    assert (answer.status_code, answer.json()["clip_id"]) == (200, "c 1/ä")
    assert ctr.ask("POST", "/predict/ctr").status_code == 400


def test_an_unknown_clip_is_a_404_that_says_what_to_do(ctr: Any) -> None:
    answer = ctr.predict(clip_id="nobody")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no clip 'nobody'. Save it with POST /clips")
    ctr.clips.known["nobody"] = KNOWN
    assert ctr.predict(clip_id="nobody").status_code == 200, "that it was unknown is not remembered"


def test_a_clip_that_became_known_after_the_moment_is_said_to_be_late_and_not_absent(ctr: Any) -> None:
    ctr.clips.known["c-1"], ctr.clips.since["c-1"] = KNOWN, MOMENT
    early = (MOMENT - timedelta(days=1)).isoformat()
    answer = ctr.predict(clip_id="c-1", at=early)
    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "The clip 'c-1' was not known yet at 2026-10-19 00:00:00 UTC, but since 2026-10-20 00:00:00 UTC. "
        "Ask about a later `at`, or send its features with the question."
    )
    many = ctr.predict(clips=[{"clip_id": "nobody"}, {"clip_id": "c-1"}], at=early).json()
    assert many["detail"].startswith("There is no clip 'nobody'. There are 1 more")
    assert "was not known yet" in many["errors"][1]["message"]
    assert ctr.predict(clip_id="c-1", at=AT).status_code == 200


def test_among_many_the_unknown_ones_are_named(ctr: Any) -> None:
    ctr.clips.known["c-1"] = KNOWN
    answer = ctr.predict(clips=[{"clip_id": "c-1"}, {"clip_id": "x"}, {"title": "Hello"}, {"clip_id": "y"}])
    assert answer.status_code == 404
    assert [error["field"] for error in answer.json()["errors"]] == ["clips[1].clip_id", "clips[3].clip_id"]
    assert ctr.shipped() == []


def test_many_are_answered_as_one_by_one_and_share_the_place_beside_them(ctr: Any) -> None:
    ctr.clips.known["c-1"] = KNOWN
    questions: list[dict[str, Any]] = [
        {"clip_id": "c-1"},
        {"title": "Ten things to bake", "placement": "stories"},
        {"hook_strength": 0.1},
    ]
    together = ctr.predict(clips=questions, placement="feed", at=AT).json()
    alone = [ctr.predict(**{"placement": "feed", "at": AT} | one).json() for one in questions]
    for one, other in zip(together["predictions"], alone, strict=True):
        assert figures(one) == figures(other)
    assert (together["count"], together["model_version"], together["answered_by"]) == (3, "1", "model")
    rows = ctr.shipped()
    assert [row["inputs"].get("placement") for row in rows[:3]] == ["feed", "stories", "feed"]


def test_long_texts_do_not_hold_up_others(ctr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    answer = CtrApi._answer_many

    def noted(*arguments: Any) -> Any:
        threads.append("loop" if asyncio._get_running_loop() else "another")
        return answer(*arguments)

    monkeypatch.setattr(CtrApi, "_answer_many", noted)
    short, long = ([{"title": "word " * count}] * 20 for count in (4, 2000))
    assert ctr.predict(clips=short).json()["count"] == 20
    assert ctr.predict(clips=long).json()["count"] == 20
    assert threads == ["loop", "another"]


def test_without_a_model_the_heuristic_answers_and_says_so(make_ctr: Callable[..., Any]) -> None:
    service = make_ctr()
    service.runtime.watcher.look()
    answer = service.predict(composite_score=0.9, emotion_priority=0.5)
    assert answer.status_code == 200
    body = answer.json()
    assert body["predicted_ctr"] == pytest.approx(0.9 * 0.05 + 0.5 * 0.02) == heuristic_rate(0.9, 0.5)
    assert body["predicted_band"] == "high"
    assert (body["answered_by"], body["model_version"]) == ("heuristic", "heuristic")
    assert (body["confidence"], body["ctr_low"], body["ctr_high"]) == (None, None, None)
    health = service.ask("GET", "/health")
    assert health.status_code == 200
    assert health.json()["status"] == "degraded"
    assert "the heuristic answers" in health.json()["detail"]
    (row,) = service.shipped()
    assert (row["model_version"], row["answer"]["answered_by"]) == ("heuristic", "heuristic")


def test_a_clip_that_was_asked_about_lately_is_answered_while_the_database_is_away(ctr: Any) -> None:
    ctr.clips.known |= {"c-1": KNOWN, "c-2": KNOWN}
    before = ctr.predict(clip_id="c-1").json()
    ctr.clips.away = True
    ctr.parts.knowledge.clips._fresh = 0.0
    assert figures(ctr.predict(clip_id="c-1").json()) == figures(before)
    answer = ctr.predict(clip_id="c-2")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "the database is away" in answer.json()["detail"]
    assert ctr.predict(**FEATURES).status_code == 200, "inline features need no database"


def test_past_counts_that_are_left_out_come_from_the_platform(ctr: Any) -> None:
    ctr.clips.counts = {("creator", "creator-1"): (9000, 300), ("advertiser", "brand-1"): (20_000, 500)}
    ctr.clips.known["c-1"] = KNOWN
    short = {name: value for name, value in FEATURES.items() if name != "group_id"}
    left_out = ctr.predict(**short, clip_impressions=1000, clip_clicks=40).json()
    assert figures(left_out) == figures(ctr.predict(**FEATURES, **PAST).json())
    rows = ctr.shipped()
    assert (rows[0]["inputs"]["creator_impressions"], rows[0]["inputs"]["creator_clicks"]) == (9000, 300)
    unseen = ctr.predict(**FEATURES | {"creator_id": "nobody"})
    assert unseen.status_code == 200


def test_past_counts_of_an_advertiser_are_read_once_for_all_its_clips(ctr: Any) -> None:
    bare = {name: value for name, value in KNOWN.items() if name not in PAST}
    ctr.clips.known |= {"c-1": bare, "c-2": bare | {"creator_id": "other"}}
    ctr.clips.counts = {("advertiser", FEATURES["advertiser_id"]): (20_000, 500)}
    for clip in ("c-1", "c-2", "c-1"):
        assert ctr.predict(clip_id=clip, creator_impressions=None).status_code == 200
    asked = [name for name, _ in ctr.clips.asked]
    assert asked.count(f"advertiser:{FEATURES['advertiser_id']}") == 1
    assert asked.count("creator:other") == 1
    known = [row["inputs"].get("advertiser_impressions") for row in ctr.shipped()]
    assert known == [20_000] * 3


def test_a_clip_is_answered_where_past_counts_cannot_be_read(ctr: Any) -> None:
    ctr.clips.known["c-1"] = {name: value for name, value in KNOWN.items() if name not in PAST}

    def gone(keys: Any, at: Any = None) -> Any:
        raise DatabaseUnavailable("PostgreSQL is away.")

    ctr.parts.knowledge.past._read = gone
    assert ctr.predict(clip_id="c-1").status_code == 200


def test_a_question_about_the_past_is_answered_by_what_was_known_then(ctr: Any) -> None:
    ctr.clips.known["c-1"] = KNOWN
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    ctr.predict(clip_id="c-1", at=AT)
    ctr.predict(clip_id="c-1", at=soon)
    ctr.predict(clip_id="c-1", at=AT)
    assert ctr.clips.asked == [("c-1", MOMENT), ("c-1", None), ("c-1", MOMENT)]


def test_each_answer_is_recorded_with_what_it_was_made_from(ctr: Any) -> None:
    ctr.clips.known["c-1"] = KNOWN
    answer = ctr.predict(clip_id="c-1", placement="feed", audience="new", device="tv", hour=9, at=AT).json()
    (row,) = ctr.shipped()
    assert (row["id"], row["family"], row["entity_id"], row["model_version"]) == (
        answer["prediction_id"], "ctr", "c-1", "1",
    )  # fmt: skip
    assert row["at"].startswith("2026-10-20T00:00:00")
    assert (
        row["inputs"].items()
        >= {"placement": "feed", "audience": "new", "device": "tv", "hour": 9, "hook_strength": 0.9}.items()
    )
    assert row["answer"]["answered_by"] == "model"
    assert figures(row["answer"]) == figures(answer)


def test_an_answer_is_explained_where_that_is_asked(ctr: Any) -> None:
    assert "top_features" not in ctr.predict(**FEATURES).json()
    assert len(ctr.predict(**FEATURES, explain=True).json()["top_features"]) == 5
    batch = ctr.predict(clips=[FEATURES, FEATURES], explain=2).json()
    assert [len(one["top_features"]) for one in batch["predictions"]] == [2, 2]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "clip_id", "is required, or at least one feature"),
        ({"placement": "feed"}, "clip_id", "is required, or at least one feature"),
        ({"clip_id": "c", "clip_clicks": 3}, "clip_impressions", "is required where clip_clicks is given"),
        (
            {"clip_id": "c", "clip_impressions": 2, "clip_clicks": 3},
            "clip_clicks",
            "must be clip_impressions (2)",
        ),
        ({"hook_strenght": 1}, "hook_strenght", "Did you mean hook_strength?"),
        ({"title": 3}, "title", "must be a text"),
        ({"duration": -1}, "duration", "must be 0.0 or more"),
        ({"has_face": "yes"}, "has_face", "must be true or false"),
        ({"title": "x", "hour": 24}, "hour", "must be 23 or less"),
        ({"title": "x", "at": "2026-10-20"}, "at", "must be a time such as"),
        ({"clip_id": ""}, "clip_id", "must not be empty"),
        ({"clips": []}, "clips", "at least 1 item"),
        ({"clips": [{"title": "x"}] * (MAX_CLIPS + 1)}, "clips", "at most 100 items"),
        ({"clips": [{"title": "x"}, {}]}, "clips[1].clip_id", "is required"),
        ({"clips": [{"title": "x", "duration": "1"}]}, "clips[0].duration", "must be a number"),
        ({"clips": [{"title": "x"}], "title": "y"}, "title", "does not belong there"),
    ],
)
def test_what_does_not_fit_is_named(ctr: Any, body: dict[str, Any], field: str, said: str) -> None:
    answer = ctr.predict(**body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["message"]
    assert ctr.shipped() == []


def test_a_title_that_speaks_of_clips_is_one_question(ctr: Any) -> None:
    assert "predicted_ctr" in ctr.predict(title='the "clips": all of them').json()
    assert "predicted_ctr" in ctr.predict(title="clips").json()


def test_the_example_of_the_documentation_is_answered(ctr: Any) -> None:
    assert ctr.predict(**EXAMPLE_QUESTION).status_code == 200
    paths = ctr.ask("GET", "/openapi.json").json()["paths"]
    assert set(paths) >= {"/predict/ctr", "/clips", "/clips/{id}", "/outcomes", "/train/ctr-model"}
    assert "202" in paths["/train/ctr-model"]["post"]["responses"]
