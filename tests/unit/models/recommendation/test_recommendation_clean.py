"""Strangers' files to interactions and descriptions of items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import InputError
from models.recommendation.clean import clean
from models.recommendation.schema import INTERACTION_SCHEMA

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def rows(
    as_of: datetime | None = NOW, mapping: Any = None, **columns: list[Any]
) -> tuple[list[Any], list[Any]]:
    good, bad = clean(pa.table(columns), mapping, as_of)
    assert good.schema == INTERACTION_SCHEMA
    return good.to_pylist(), bad


def test_the_usual_names_are_found_in_whatever_writing() -> None:
    for user, item, at in (
        ("userId", "movieId", "timestamp"),
        ("USER", "Item-ID", "Time"),
        ("uid", "asin", "ts"),
    ):
        (row,), bad = rows(**{user: ["u"], item: ["i"], at: ["2026-01-02T03:04:05Z"]})
        assert (row["user_id"], row["item_id"], bad) == ("u", "i", [])
        assert row["at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        "1445714994",
        "1445714994000",
        1445714994,
        1445714994.0,
        "2015-10-24T19:29:54Z",
        "2015-10-24 21:29:54+02:00",
    ],
)
def test_times_are_told_in_many_ways(said: Any) -> None:
    (row,), _ = rows(user=["u"], item=["i"], time=[said])
    assert row["at"] == datetime(2015, 10, 24, 19, 29, 54, tzinfo=UTC)


def test_a_rating_says_which_kind_an_interaction_is_of() -> None:
    ratings = ["5", "4.0", "3.5", "3", "2.5", "0.5"]
    found, _ = rows(None, user=["u"] * 6, item=["i"] * 6, rating=ratings)
    assert [row["kind"] for row in found] == ["like", "like", "view", "view", "skip", "skip"]


def test_a_kind_that_is_told_goes_before_the_rating_and_other_words_are_known() -> None:
    kinds = ["LIKE", "click", "save", None, "subscribe", "stare"]
    found, bad = rows(None, user=["u"] * 6, item=["i"] * 6, event=kinds, rating=["1"] * 6)
    assert [row["kind"] for row in found] == ["like", "view", "bookmark", "skip", "follow"]
    assert [row["item_kind"] for row in found] == ["video"] * 4 + ["user"]
    assert [(each.row, each.reason.split(" of ")[0]) for each in bad] == [(6, "kind is none")]


def test_bad_rows_are_set_aside_with_every_reason_and_the_good_keep_their_order() -> None:
    future = (NOW + timedelta(minutes=6)).isoformat()
    soon = (NOW + timedelta(minutes=4)).isoformat()
    found, bad = rows(
        user=["a", "", "c", "d", "e", "f", "x" * 257, "h"],
        item=["1", "2", None, "4", "5", "6", "7", "8"],
        time=[soon, "2026-01-01", "never", future, "", "1980-01-01T00:00:00Z", "2026-01-01", "2026-01-01"],
        watch_share=["0.5", "2", "1", "1", "1", "1", "1", "half"],
    )
    assert [row["user_id"] for row in found] == ["a"]
    assert {each.row: each.reason for each in bad} == {
        2: "user_id is absent; watch_share does not lie between 0 and 1",
        3: "at is not a date or time; item_id is absent",
        4: "at lies in the future",
        5: "at is absent: say when it was",
        6: "at lies before 1990",
        7: "user_id has more than 256 characters",
        8: "watch_share is not a number",
    }
    assert bad[0].values["user"] == ""


def test_rows_that_are_only_measured_need_no_time() -> None:
    found, bad = rows(None, user_id=["0"], item_id=["1"])
    assert (found[0]["at"], found[0]["id"], found[0]["kind"], bad) == (None, None, "view", [])
    with pytest.raises(InputError, match="no time"):
        rows(user_id=["0"], item_id=["1"])


def test_a_file_without_users_describes_items() -> None:
    found, bad = rows(
        movieId=["1", "2", ""], title=["One", "Two", "x"], genres=["a|b", "(no genres listed)", "c"]
    )
    assert [(row["kind"], row["user_id"], row["text"], row["tags"]) for row in found] == [
        ("item", None, "One", ["a", "b"]), ("item", None, "Two", None)
    ]  # fmt: skip
    assert bad[0].reason == "item_id is absent"
    found, _ = rows(id=["7"], caption=["By its id alone"], deleted=["true"])
    assert (found[0]["item_id"], found[0]["id"], found[0]["removed"]) == ("7", None, True)


@pytest.mark.parametrize(
    ("said", "tags"),
    [
        ("a|b,c|a", ["a", "b,c"]), ("a, b", ["a", "b"]), ("#sun #sea", ["sun", "sea"]),
        ("['a', 'b']", ["a", "b"]), ("a day", ["a day"]),
        (["a", None, " b "], ["a", "b"]), ([], None), ("", None), ("x" * 101, None),
    ],
)  # fmt: skip
def test_tags_are_lists_or_texts_that_are_cut(said: Any, tags: Any) -> None:
    (row,), _ = rows(item_id=["1"], title=["t"], tags=[said])
    assert row["tags"] == tags


def test_ids_that_were_read_as_numbers_stay_whole() -> None:
    (row, other), _ = rows(None, user=pa.array([1.0, 2.0]), item=[7, 2**40])  # type: ignore[arg-type]
    assert (row["user_id"], row["item_id"], other["item_id"]) == ("1", "7", str(2**40))


def test_a_mapping_goes_before_known_names_and_is_checked() -> None:
    (row,), _ = rows(
        None, {"item_id": "thing", "rating": "count"}, user=["u"], thing=["i"], item=["x"], count=["5"]
    )
    assert (row["item_id"], row["kind"]) == ("i", "like")
    with pytest.raises(InputError, match="no column 'nothing'"):
        rows(None, {"item_id": "nothing"}, user=["u"], item=["i"])
    with pytest.raises(InputError, match="no field of an interaction"):
        rows(None, {"song": "item"}, user=["u"], item=["i"])


def test_a_file_that_tells_neither_is_told_what_it_lacks() -> None:
    with pytest.raises(InputError, match="no items") as told:
        rows(None, user=["u"], thing=["x"])
    assert "item_id=COLUMN" in str(told.value.hint)
    with pytest.raises(InputError, match="no users"):
        rows(None, item=["u"], timestamp=["1"])


@given(
    st.lists(
        st.tuples(
            st.none() | st.text(max_size=5),
            st.none() | st.text(max_size=5),
            st.none() | st.text(max_size=5) | st.datetimes().map(str),
            st.none() | st.text(max_size=5) | st.floats().map(str),
        ),
        max_size=20,
    )
)
def test_every_row_is_either_good_or_rejected_with_a_reason(given: list[Any]) -> None:
    names = ("user_id", "item_id", "at", "rating")
    table = pa.table({name: pa.array([row[at] for row in given], pa.string()) for at, name in enumerate(names)})
    good, bad = clean(table, None, NOW)
    assert good.num_rows + len(bad) == len(given)
    assert all(each.reason for each in bad)
    assert good["at"].null_count == good["user_id"].null_count == good["item_id"].null_count == 0
