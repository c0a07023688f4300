"""What users are recommended, and what never happens to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.recommendation import FAMILY
from models.recommendation.candidates import consider
from models.recommendation.options import RecommendationOptions
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.profile import Profile, Tastes
from models.recommendation.question import SOURCES, Board, Question
from models.recommendation.ranking import Ranker
from tests.recommendation_taste_world import CATEGORIES, DAYS, OPTIONS, asked, fitted, sources, us

CATEGORY = dict(zip(*(sources()["items"][name].to_pylist() for name in ("id", "category")), strict=True))
AUTHOR = dict(zip(*(sources()["items"][name].to_pylist() for name in ("id", "author_id")), strict=True))
ITEMS = sorted(CATEGORY)


@pytest.fixture(scope="module")
def model() -> RecommendationPredictor:
    return fitted().predictor


def with_options(model: RecommendationPredictor, **changed: object) -> RecommendationPredictor:
    options = replace(OPTIONS, **changed)  # type: ignore[arg-type]
    return RecommendationPredictor(
        model.sources, model.encoder, Ranker(options.mix, None), options, model.facts
    )


def profile_of(model: RecommendationPredictor, question: Question) -> Profile:
    return Tastes(model.catalogue, OPTIONS).profile(question)


def of(category: str, count: int) -> list[str]:
    """Some items of a category that people know."""
    known = fitted().predictor.catalogue
    users = {name: known.users[place] for name, place in known.places.items()}
    return [name for name in ITEMS if CATEGORY[name] == category and users.get(name, 0) > 5][:count]


histories = st.lists(
    st.tuples(
        st.sampled_from([*ITEMS, "never-heard-of"]),
        st.sampled_from(["view", "like", "comment", "share", "bookmark", "skip"]),
        st.floats(0, DAYS),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(histories, st.integers(1, 40), st.sets(st.sampled_from(ITEMS), max_size=30))
def test_what_was_seen_or_excluded_never_comes_back_and_nothing_comes_twice(
    did: list[tuple[str, str, float]], count: int, excluded: set[str]
) -> None:
    question = asked(*did, count=count, exclude=frozenset(excluded))
    answers = fitted().predictor.recommend(question)
    names = [answer["id"] for answer in answers]
    seen = {item for item, _, day in did if us(day) > question.at_us - OPTIONS.seen.total_seconds() * 1e6}
    assert len(set(names)) == len(names) <= count
    assert not set(names) & (seen | excluded)
    assert len(names) == count or len(names) >= len(ITEMS) - len(seen | excluded) - 30
    for answer in answers:
        assert answer["source"] in SOURCES
        assert answer["reason"]
        assert np.isfinite(answer["score"])
        assert answer["because"] is None or answer["because"]["item_id"] in {item for item, _, _ in did}


def test_a_batch_answers_as_its_rows_one_by_one(model: RecommendationPredictor) -> None:
    test = fitted().test.slice(0, 20)
    together = model.predict(test)
    assert together == [model.predict(test.slice(at, 1))[0] for at in range(20)]


def test_one_new_like_changes_the_list_at_once(model: RecommendationPredictor) -> None:
    comedy, sport = of("comedy", 1), of("sport", 6)
    before = model.recommend(asked((comedy[0], "like", 20)))
    after = model.recommend(asked((comedy[0], "like", 20), *((name, "share", 29) for name in sport)))

    def share(answers: list[dict[str, object]]) -> float:
        return float(np.mean([CATEGORY[str(one["id"])] == "sport" for one in answers]))

    assert share(after) > share(before) + 0.2


def test_lists_follow_the_taste(model: RecommendationPredictor) -> None:
    for category in CATEGORIES:
        answers = model.recommend(asked(*((name, "like", 28) for name in of(category, 6)), count=10))
        assert np.mean([CATEGORY[one["id"]] == category for one in answers]) > 0.5, category


def test_nothing_later_than_the_question_counts(model: RecommendationPredictor) -> None:
    past = [(name, "like", 10) for name in of("music", 3)]
    future = [(name, "share", 29) for name in of("sport", 3)]
    question, told = asked(*past, day=20), asked(*past, *future, day=20)
    assert model.recommend(question) == model.recommend(told)


def test_older_interactions_count_half_after_the_half_life(model: RecommendationPredictor) -> None:
    name, newest = of("food", 2)
    recent = profile_of(model, asked((name, "like", 23), (newest, "view", 30)))
    at_once = profile_of(model, asked((name, "like", 30), (newest, "view", 30)))
    weight = {int(place): 2**value - 1 for place, value in zip(recent.places, recent.weights, strict=True)}
    full = {int(place): 2**value - 1 for place, value in zip(at_once.places, at_once.weights, strict=True)}
    place = model.catalogue.places[name]
    assert full[place] == pytest.approx(3.0)
    assert weight[place] == pytest.approx(1.5)


def test_who_comes_back_after_long_finds_their_taste_again(model: RecommendationPredictor) -> None:
    likes = [(name, "like", 1) for name in of("news", 5)]
    later = model.recommend(asked(*likes, day=400, count=10))
    assert np.mean([CATEGORY[one["id"]] == "news" for one in later]) > 0.5


def test_a_view_counts_by_the_share_that_was_watched(model: RecommendationPredictor) -> None:
    name = of("food", 1)[0]
    whole = profile_of(model, asked((name, "view", 29, 1.0))).weights
    part = profile_of(model, asked((name, "view", 29, 0.25))).weights
    assert 2 ** part[0] - 1 == pytest.approx((2 ** whole[0] - 1) / 4)


def test_what_was_skipped_speaks_for_nothing_and_does_not_come_back(model: RecommendationPredictor) -> None:
    name = of("comedy", 1)[0]
    user = profile_of(model, asked((name, "skip", 29)))
    assert not len(user.places)
    assert user.seen.tolist() == [model.catalogue.places[name]]


def test_what_is_too_old_to_count_was_seen_all_the_same(model: RecommendationPredictor) -> None:
    old, newer = of("sport", 1)[0], of("music", 6)
    likes = [(old, "like", 10), *((name, "like", 20 + at) for at, name in enumerate(newer))]
    short = with_options(model, history=3, exploration=0.0)
    user = Tastes(model.catalogue, short.options).profile(asked(*likes))
    assert len(user.places) == 3
    assert model.catalogue.places[old] in user.seen
    assert old not in {one["id"] for one in short.recommend(asked(*likes, count=100))}


def test_what_was_seen_long_ago_may_come_back(model: RecommendationPredictor) -> None:
    forgetful = with_options(model, seen=timedelta(days=5), exploration=0.0)
    likes = [(name, "like", 10) for name in of("sport", 5)]
    names = {one["id"] for one in forgetful.recommend(asked(*likes, day=20, count=40))}
    assert names & {name for name, _, _ in likes}


@pytest.mark.parametrize("run", [1, 2, 3])
def test_no_more_items_of_one_author_follow_one_another_than_allowed(
    model: RecommendationPredictor, run: int
) -> None:
    varied = with_options(model, author_run=run, exploration=0.0)
    answers = varied.recommend(asked(*((name, "like", 28) for name in of("comedy", 6)), count=20))
    longest = current = 1
    for one, other in pairwise(answers):
        current = current + 1 if one["author_id"] == other["author_id"] else 1
        longest = max(longest, current)
    assert longest <= run


def test_a_stranger_gets_what_trends_and_is_popular_in_their_context(model: RecommendationPredictor) -> None:
    anywhere = model.recommend(asked(count=10))
    food = model.recommend(asked(count=10, category="food", language="en"))
    assert len(anywhere) == len(food) == 10
    assert {one["source"] for one in anywhere} <= {"trending", "popular", "exploration"}
    share = [np.mean([CATEGORY[one["id"]] == "food" for one in answers]) for answers in (food, anywhere)]
    assert share[0] > share[1]


def test_what_trends_now_is_the_boards_and_not_the_models(model: RecommendationPredictor) -> None:
    quiet = min(model.catalogue.ids, key=lambda name: model.catalogue.trend[model.catalogue.places[name]])
    answers = model.recommend(asked(count=5), Board(trending={quiet: 1.0}))
    assert (answers[0]["id"], answers[0]["source"]) == (quiet, "trending")
    assert answers[0]["reason"] == f"trending in {CATEGORY[quiet]}"


def test_a_new_item_of_a_followed_author_comes_and_says_so(model: RecommendationPredictor) -> None:
    author = "a4"
    fresh = {"id": "fresh", "kind": "video", "author_id": author, "published_us": us(DAYS - 0.1)}
    live = with_options(model, exploration=0.0).with_live([fresh])
    answers = live.recommend(asked((author, "follow", 20), count=10))
    found = next(one for one in answers if one["id"] == "fresh")
    assert found["source"] == "followed"
    assert found["reason"] == f"new from {author}, whom you follow"


def test_some_places_are_for_new_items_that_few_have_seen(model: RecommendationPredictor) -> None:
    fresh = [
        {
            "id": f"fresh{at}",
            "kind": "video",
            "author_id": f"new{at}",
            "published_us": us(DAYS - 0.2),
            "tags": ["food"],
        }
        for at in range(40)
    ]
    live = model.with_live(fresh)
    asks = [asked((of("food", 3)[at % 3], "like", 29), user=f"user{at}", count=20) for at in range(40)]
    explored = [[one["id"] for one in live.recommend(ask) if one["source"] == "exploration"] for ask in asks]
    assert {len(found) for found in explored} == {2}  # a tenth of twenty
    assert len({name for found in explored for name in found}) > 10  # not the same ones for everybody
    assert live.recommend(asks[0]) == live.recommend(asks[0])
    none = with_options(model, exploration=0.0).with_live(fresh)
    assert not [one for one in none.recommend(asks[0]) if one["source"] == "exploration"]


def test_a_cold_item_is_recommended_by_what_it_is_about(model: RecommendationPredictor) -> None:
    liked = of("music", 4)
    texts = dict(zip(sources()["items"]["id"].to_pylist(), sources()["items"]["text"].to_pylist(), strict=True))
    cold = {"id": "cold", "kind": "video", "text": texts[liked[0]], "tags": ["music"], "category": "music",
            "published_us": us(DAYS - 20)}  # fmt: skip
    live = model.with_live([cold])
    likes = asked(*((name, "like", 29) for name in liked), count=30)
    scored = {one["id"]: one for one in live.rank(likes, ["cold", *of("sport", 5)])}
    assert scored["cold"]["source"] == "content" or scored["cold"]["score"] > 0
    assert live.similar("cold", 5)
    assert all(CATEGORY[one["id"]] == "music" for one in live.similar("cold", 5) or [])


def test_a_new_item_is_as_close_as_one_of_usual_standing_that_is_about_the_same(
    model: RecommendationPredictor,
) -> None:
    rows = {
        row["id"]: row for row in sources()["items"].drop_columns(["published_at", "removed_at"]).to_pylist()
    }
    liked, known = of("music", 4), model.catalogue
    little = [name for name in of("music", 50)[4:] if known.standing[known.places[name]] < 0.6][:3]
    copies = [rows[name] | {"id": f"copy of {name}", "published_us": us(DAYS - 10)} for name in little]
    live = model.with_live(copies)
    question = asked(*((name, "like", 29) for name in liked))
    assert len(little) == 3
    for name in little:
        user, quiet = live.tastes.profile(question), np.zeros(len(live.catalogue))
        pool = consider(live.sources, user, quiet, _places(live, name), at_us=question.at_us)
        trained, late = pool.content
        expected = known.usual_standing / known.standing[known.places[name]]
        assert late / trained == pytest.approx(expected, rel=0.15)  # of the trained, only 50 relations are kept


def _places(model: RecommendationPredictor, name: str) -> np.ndarray:
    return np.array([model.catalogue.places[name], model.catalogue.places[f"copy of {name}"]])


def test_what_was_taken_down_is_never_recommended(model: RecommendationPredictor) -> None:
    likes = asked(*((name, "like", 28) for name in of("comedy", 4)))
    best = model.recommend(likes)[0]["id"]
    without = model.with_live([{"id": best, "kind": "video", "removed": True}])
    assert best not in {one["id"] for one in without.recommend(likes, Board(trending={best: 1.0}))}
    assert best not in {one["id"] for one in without.recommend(asked(), Board(trending={best: 1.0}))}
    back = without.with_live([{"id": best, "kind": "video", "removed": False}])
    assert back.recommend(likes)[0]["id"] == best


def test_nobody_is_recommended_what_they_made_themselves(model: RecommendationPredictor) -> None:
    likes = [(name, "like", 28) for name in of("comedy", 4)]
    best = model.recommend(asked(*likes))[0]
    names = [one["author_id"] for one in model.recommend(asked(*likes, user=best["author_id"], count=40))]
    assert names
    assert best["author_id"] not in names


def test_given_items_are_ranked_each_once_and_unknown_ones_come_last(model: RecommendationPredictor) -> None:
    likes = asked(*((name, "like", 28) for name in of("news", 4)))
    wanted = [*of("sport", 3), "what is this", *of("news", 8)[4:], of("sport", 1)[0]]
    answers = model.rank(likes, wanted)
    assert sorted(one["id"] for one in answers) == sorted(set(wanted))
    assert answers[-1]["id"] == "what is this"
    assert answers[-1]["score"] is None
    scores = [one["score"] for one in answers[:-1]]
    assert scores == sorted(scores, reverse=True)
    assert CATEGORY[answers[0]["id"]] == "news"
    assert model.rank(likes, []) == []


def test_similar_items_say_to_what(model: RecommendationPredictor) -> None:
    name = of("music", 1)[0]
    found = model.similar(name, 8)
    assert found is not None
    assert len(found) == 8
    assert name not in {one["id"] for one in found}
    assert np.mean([CATEGORY[one["id"]] == "music" for one in found]) > 0.7
    assert all(one["because"] is None and "you" not in one["reason"].split() for one in found)
    assert model.similar("never heard of", 5) is None


def test_features_are_told_in_names_and_plain_numbers(model: RecommendationPredictor) -> None:
    import json

    name = of("food", 1)[0]
    question = asked((name, "like", 29), ("a2", "follow", 20))
    told = json.loads(json.dumps(model.user_features(question)))
    assert told["categories"] == {"food": 1.0}
    assert told["followed_authors"] == 1
    item = json.loads(json.dumps(model.item_features(name)))
    assert (item["category"], item["author_id"], item["trained_on"]) == ("food", AUTHOR[name], True)
    both = json.loads(json.dumps(model.interaction_features(question, of("food", 2)[1])))
    assert both["category_share"] == 1.0
    assert model.item_features("?") is None
    assert model.interaction_features(question, "?") is None


def test_the_hybrid_leaves_the_share_of_a_silent_source_to_the_others(model: RecommendationPredictor) -> None:
    from models.recommendation.ranking import hybrid

    likes = asked(*((name, "like", 28) for name in of("comedy", 4)))
    pool, _ = with_options(model, mix=(0.4, 0.4, 0.2)).pool(likes)
    silent = replace(pool, content=np.zeros(len(pool)), trend=np.zeros(len(pool)), fresh=np.zeros(len(pool)))
    np.testing.assert_allclose(hybrid(silent, (0.4, 0.4, 0.2)), silent.collaborative)


def test_probes_are_answered_possibly_and_impossible_answers_refused(model: RecommendationPredictor) -> None:
    from config.errors import ModelInvalid

    probe = FAMILY.probe(OPTIONS)
    answers = model.predict(probe)
    FAMILY.check(answers, OPTIONS)
    for broken in (
        answers[:-1],
        [{"items": [*answers[0]["items"], answers[0]["items"][0]]}, *answers[1:]],
        [{"items": [{"id": "x", "score": float("nan")}]}, *answers[1:]],
        [{}, *answers[1:]],
    ):
        with pytest.raises(ModelInvalid):
            FAMILY.check(broken, OPTIONS)


def test_only_users_to_follow_come_when_users_are_asked_for(model: RecommendationPredictor) -> None:
    assert model.recommend(asked(item_kind="user")) == []
    live = model.with_live([{"id": "a4", "kind": "user", "published_us": us(1)}])
    assert [one["id"] for one in live.recommend(asked(item_kind="user"))] == ["a4"]


def test_empty_options_and_defaults_agree() -> None:
    from config.settings import load_settings

    assert FAMILY.options(load_settings()) == RecommendationOptions()
    assert RecommendationOptions.restore(OPTIONS.describe()) == OPTIONS
    assert isinstance(fitted().test, pa.Table)
