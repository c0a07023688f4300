"""What counts at the moment of a question, where each user is asked about at a moment of their own."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from models.columns import TIME, epoch_us
from models.recommendation import FAMILY
from models.recommendation.evaluation import lists_of, popular_lists
from models.recommendation.examples import examples_from_rows
from models.recommendation.predictor import TREND_SPAN_US, questions_of
from models.recommendation.question import Board, Question
from models.recommendation.questions import interactions_of, questions
from tests.recommendation_taste_world import DAYS, OPTIONS, examples, fitted, moment


def asked(own_moments: bool) -> pa.Table:
    """Questions about the last days of the small world."""
    events = interactions_of(examples())
    cut = int(moment(DAYS - 3).timestamp() * 1e6)
    late = epoch_us(events["at"]).to_numpy() >= cut
    before, after = events.filter(pa.array(~late)), events.filter(pa.array(late))
    return questions(before, after, examples(), OPTIONS, at_us=None if own_moments else cut, split="test")


def test_whatever_was_seen_before_a_moment_of_ones_own_is_excluded_and_is_in_no_list() -> None:
    rows = asked(own_moments=True)
    predictor = fitted().predictor
    lists = [lists_of(predictor, rows), popular_lists(predictor, rows)]
    place = predictor.catalogue.places
    for number, row in enumerate(rows.to_pylist()):
        assert set(row["history_items"]) <= set(row["exclude"])
        assert not set(row["exclude"]) & set(row["truth"])
        out = {place[name] for name in row["exclude"]}
        for found in lists:
            assert not out & set(found.places[number].tolist())


def test_at_one_moment_for_all_the_window_alone_says_what_may_not_come() -> None:
    assert set(asked(own_moments=False)["exclude"].to_pylist()) == {None}
    assert all(not one.exclude for one in questions_of(asked(own_moments=False), 20))


@pytest.mark.parametrize(("after_us", "stands"), [(-1, False), (0, True), (TREND_SPAN_US + 1, False)])
def test_what_trended_when_the_training_ended_counts_at_that_time_only(after_us: int, stands: bool) -> None:
    predictor = fitted().predictor
    question = Question("stranger", predictor.facts["until_us"] + after_us)
    assert predictor.pool(question)[0].trend.any() == stands


def test_what_is_told_to_trend_counts_whenever_it_is_asked() -> None:
    predictor = fitted().predictor
    name = predictor.catalogue.ids[0]
    board = Board(trending={name: 1.0}, items={name: {"kind": "video", "published_us": 0}})
    late = Question("stranger", predictor.facts["until_us"] + 10 * TREND_SPAN_US)
    assert predictor.pool(late, board)[0].trend.any()


def test_files_without_times_have_no_trends_however_many_they_are() -> None:
    pairs = [(f"u{at % 9}", f"v{(at * 5) % 7}") for at in range(40)]
    users, items = zip(*pairs, strict=True)
    count = len(pairs)
    rows = pa.table(
        {"user_id": users, "item_id": items, "item_kind": ["video"] * count, "kind": ["view"] * count}
    )
    found = examples_from_rows({"train": rows, "valid": rows.slice(0, 9), "test": rows.slice(9, 9)}, OPTIONS)
    predictor = FAMILY.fit(found["train"], found["valid"], OPTIONS, {}, 7)
    assert not predictor.catalogue.trend.any()  # type: ignore[attr-defined]


def test_files_without_times_are_asked_about_after_all_that_is_known() -> None:
    users = ["u1", "u1", "u2", "u2"]
    rows = pa.table(
        {
            "user_id": users, "item_id": ["a", "b", "a", "c"], "item_kind": ["video"] * 4, "kind": ["view"] * 4,
            "at": pa.nulls(4, TIME),
        }
    )  # fmt: skip
    test = rows.slice(0, 1).set_column(1, "item_id", pa.array(["c"]))
    found = examples_from_rows({"train": rows, "test": test}, OPTIONS)["test"]
    at = found["at"].to_pylist()[0]
    assert np.max(found["history_at"].to_pylist()[0]) < at.timestamp() * 1e6
    assert OPTIONS.seen > timedelta(days=1)
    assert found["exclude"].to_pylist() == [["a", "b"]]
