"""The feed without a model."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recommendation.board import make_board
from models.recommendation.heuristic import HeuristicPredictor
from models.recommendation.options import RecommendationOptions
from models.recommendation.question import EMPTY_BOARD, SOURCES, Interaction
from tests.recommendation_board_world import NOW_US, deed, question, video, world_board

PREDICTOR = HeuristicPredictor(RecommendationOptions())
BOARD = world_board()


def ids(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["id"] for entry in entries]


def of(source: str, entries: list[dict[str, Any]]) -> list[str]:
    return [entry["id"] for entry in entries if entry["source"] == source]


def test_a_user_without_a_history_gets_a_full_list_that_says_why() -> None:
    found = PREDICTOR.recommend(question(), BOARD)
    assert len(found) == len(set(ids(found))) == 20
    assert all(entry["reason"] and entry["source"] in SOURCES for entry in found)
    assert [entry["score"] for entry in found] == sorted((one["score"] for one in found), reverse=True)
    orjson.dumps(found)


def test_an_empty_board_has_nothing_to_recommend() -> None:
    assert PREDICTOR.recommend(question(deed("v1"), count=5)) == []
    assert PREDICTOR.similar("v1", 5) is None
    assert ids(PREDICTOR.rank(question(), ["x", "y"], EMPTY_BOARD)) == ["x", "y"]


def test_what_was_seen_comes_back_only_after_the_window() -> None:
    lately, long_ago = deed("v30", "view", 29), deed("v5", "view", 31)
    found = ids(PREDICTOR.recommend(question(lately, long_ago, count=60), BOARD))
    assert "v30" not in found
    assert "v5" in found


def test_excluded_own_and_later_items_never_come() -> None:
    board = make_board(
        [video(1), video(2), video(3, author_id="u1"), video(4, published_us=NOW_US + 1)], {}, {}
    )
    assert ids(PREDICTOR.recommend(question(exclude=frozenset({"v2"})), board)) == ["v1"]


def test_followed_authors_come_first_with_what_is_new_of_them() -> None:
    found = PREDICTOR.recommend(question(deed("a3", "follow", 100)), BOARD)
    assert of("followed", found)[:3] == ["v3", "v9", "v15"]
    assert found[0]["source"] == "followed"
    assert found[0]["reason"] == "new from an author you follow"


def test_a_follow_of_a_video_is_a_follow_of_its_author() -> None:
    assert of("followed", PREDICTOR.recommend(question(deed("v3", "follow")), BOARD))[:2] == ["v9", "v15"]


def test_a_liked_category_comes_with_what_was_liked_as_the_reason() -> None:
    found = PREDICTOR.recommend(question(deed("v4"), language="en"), BOARD)
    own = [entry for entry in found if entry["source"] == "content"]
    assert own
    assert all(BOARD.items[one["id"]]["category"] == "sport" for one in own)
    assert all(BOARD.items[one["id"]]["language"] == "en" for one in own)
    assert own[0]["because"] == {"item_id": "v4", "kind": "like"}
    assert own[0]["reason"] == 'similar to "Video number 4", which you liked'


def test_a_category_that_was_only_skipped_is_not_ones_own() -> None:
    assert of("content", PREDICTOR.recommend(question(deed("v4", "skip")), BOARD)) == []


def test_the_context_serves_a_user_of_whom_nothing_is_known() -> None:
    found = PREDICTOR.recommend(question(category="music", language="de", count=3), BOARD)
    assert BOARD.items[found[0]["id"]]["category"] == "music"
    assert found[0]["reason"] == "popular in music"
    assert found[0]["because"] is None


def test_trending_items_are_mixed_in() -> None:
    found = PREDICTOR.recommend(question(), BOARD)
    assert of("trending", found) == ["v7", "v20"]
    assert found[1]["reason"] == "trending in sport"


def test_engagement_orders_where_that_is_on_and_time_where_it_is_off() -> None:
    liked = PREDICTOR.recommend(question(), BOARD, personalized=False)
    assert liked[0]["id"] == "v5", "300 yesterday before 400 a week ago"
    newest = PREDICTOR.recommend(question(), BOARD, personalized=False, engagement=False)
    plain = [one for one in ids(newest) if one not in ("v7", "v20")]
    assert plain == sorted(plain, key=lambda one: int(one[1:]))


def test_without_personalization_everybody_gets_the_same() -> None:
    histories = [(), (deed("a3", "follow", 90),), (deed("gone"),)]
    lists = [ids(PREDICTOR.recommend(question(*one), BOARD, personalized=False)) for one in histories]
    assert lists[0] == lists[1] == lists[2]


def test_users_can_be_recommended_and_those_who_are_followed_are_not() -> None:
    found = ids(PREDICTOR.recommend(question(deed("a2", "follow", 300), item_kind="user"), BOARD))
    assert sorted(found) == ["a0", "a1", "a3", "a4", "a5"]


def test_no_author_has_more_items_in_a_row_than_may_be() -> None:
    crowd = [video(number, author_id="ana" if number < 40 else "ben") for number in range(60)]
    found = PREDICTOR.recommend(question(), make_board(crowd, {}, {}))
    runs = [len([*those]) for _, those in groupby(entry["author_id"] for entry in found)]
    assert max(runs) == 2
    assert len(found) == 20


def test_ranking_answers_for_every_item_once_and_the_unknown_last() -> None:
    found = PREDICTOR.rank(question(deed("a3", "follow")), ["x", "v30", "v9", "v30", "v7"], BOARD)
    assert ids(found) == ["v9", "v7", "v30", "x"]
    assert found[-1] == {
        "id": "x", "kind": None, "score": None, "source": "unknown", "reason": "nothing is known of it",
        "because": None, "author_id": None,
    }  # fmt: skip


def test_similar_items_share_tags_category_or_author() -> None:
    found = PREDICTOR.similar("v4", 5, board=BOARD)
    assert found
    assert "v4" not in ids(found)
    assert all(BOARD.items[one]["category"] == "sport" for one in ids(found))
    assert {one["kind"] for one in PREDICTOR.similar("v4", 5, "post", BOARD) or ()} == {"post"}


def test_removed_items_are_on_no_part_of_a_board() -> None:
    board = make_board([video(1, removed=True), video(2)], {"v1": 1.0}, {"v1": 1.0})
    assert (set(board.items), board.trending, board.engagement, list(board.newest)) == ({"v2"}, {}, {}, ["v2"])
    assert board.by_author == {"a2": ["v2"]}


INTERACTIONS = st.builds(
    Interaction,
    st.sampled_from([*BOARD.items, "unknown"]),
    st.sampled_from(["view", "like", "follow", "skip", "share"]),
    st.integers(0, NOW_US + 10**9),
    st.none() | st.floats(0, 1),
)


@given(
    history=st.lists(INTERACTIONS, max_size=20),
    count=st.integers(1, 100),
    kind=st.sampled_from(["video", "post", "user"]),
    exclude=st.frozensets(st.sampled_from([*BOARD.items]), max_size=30),
    personalized=st.booleans(),
    engagement=st.booleans(),
)
def test_whoever_asks_gets_items_of_the_kind_that_they_may_see(
    history: list[Interaction],
    count: int,
    kind: str,
    exclude: frozenset[str],
    personalized: bool,
    engagement: bool,
) -> None:
    asked = question(*history, count=count, item_kind=kind, exclude=exclude)
    found = PREDICTOR.recommend(asked, BOARD, personalized=personalized, engagement=engagement)
    since = NOW_US - PREDICTOR.options.seen.total_seconds() * 1e6
    seen = {one.item_id for one in history if since < one.at_us <= NOW_US}
    assert len(found) <= count
    assert len(set(ids(found))) == len(found)
    assert not set(ids(found)) & (exclude | seen)
    assert all(entry["kind"] == kind for entry in found)
    possible = [one for one in BOARD.items if BOARD.items[one]["kind"] == kind]
    if not history:
        assert len(found) == min(count, len(set(possible) - exclude))


@pytest.mark.parametrize("flag", [True, False])
def test_a_list_is_made_in_well_below_a_hundredth_of_a_second(flag: bool) -> None:
    import time

    big = make_board([video(number, author_id=f"a{number % 997}") for number in range(6000)], {}, {})
    asked = question(*(deed(f"v{number}") for number in range(0, 400, 2)))
    PREDICTOR.recommend(asked, big, personalized=flag)
    began = time.perf_counter()
    for _ in range(5):
        PREDICTOR.recommend(asked, big, personalized=flag)
    assert (time.perf_counter() - began) / 5 < 0.05
