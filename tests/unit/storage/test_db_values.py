"""What is done to values before they meet the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import InputError
from storage.bulk import _conform
from storage.database import lock_key
from storage.predictions import _row, json_text
from storage.reviews import candidate_key
from storage.snapshot_schema import SNAPSHOTS

AT = datetime(2026, 5, 1, tzinfo=UTC)


def snapshot(**columns: object) -> pa.Table:
    return pa.table({"video_id": ["v"], "taken_at": [AT], "views": [1], **columns})


def test_a_locks_key_fits_postgresql_and_depends_on_the_name() -> None:
    keys = {lock_key(f"promote:{number}") for number in range(100)}
    assert len(keys) == 100
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_one_moment_is_one_candidate_in_whatever_time_zone_it_is_told() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))
    assert candidate_key(["v1", AT]) == candidate_key(["v1", elsewhere]) == '["v1","2026-05-01T00:00:00+00:00"]'


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_two_candidates_never_share_a_key(one: list[str], other: list[str]) -> None:
    assert (candidate_key(one) == candidate_key(other)) == (one == other)


@given(
    st.dictionaries(
        st.text(st.characters(codec=None), max_size=5), st.text(st.characters(codec=None), max_size=5)
    )
)
def test_any_text_becomes_json_that_postgresql_can_hold(value: dict[str, str]) -> None:
    text = json_text(value)
    assert "\x00" not in "".join([*json.loads(text), *json.loads(text).values()])
    text.encode()


def test_what_json_has_no_number_for_becomes_null() -> None:
    assert json.loads(json_text({"a": float("nan"), "b": [float("inf"), 1.5]})) == {"a": None, "b": [None, 1.5]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "no uuid"}, "badly formed"),
        ({"at": "2026-05-01T00:00:00"}, "not a time with time zone"),
        ({"at": None}, "not a time with time zone"),
        ({"inputs": "text"}, "mappings"),
        ({"latency_ms": "fast"}, "could not convert"),
    ],
)
def test_a_prediction_that_is_not_usable_is_named(change: dict[str, object], said: str) -> None:
    row = {"id": f"{1:032x}", "family": "viral", "at": AT, "inputs": {}, "answer": {}, "received_at": AT}
    assert _row(3, row)["id"].endswith("01")
    with pytest.raises(InputError, match=f"Prediction 3 .*{said}"):
        _row(3, {**row, **change})


def test_absent_columns_of_snapshots_are_null() -> None:
    rows = _conform(snapshot(likes=pa.array([3], pa.int32())))
    assert rows.column_names == SNAPSHOTS.names
    assert rows["likes"].to_pylist() == [3]
    assert rows["title"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (snapshot(veiws=[1]), "no column veiws"),
        (snapshot(likes=["many"]), "Column likes is not int64"),
        (snapshot(views=pa.array([None], pa.int64())), "1 snapshots have no views"),
        (pa.table({"video_id": ["v"]}), "have no taken_at"),
        (snapshot(video_id=[""]), "video_id is empty"),
    ],
)
def test_snapshots_that_do_not_fit_are_answered_with_the_columns_name(table: pa.Table, said: str) -> None:
    with pytest.raises(InputError, match=said):
        _conform(table)
