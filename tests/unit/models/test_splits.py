from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from models.splits import assign_split, rows_by_role, time_cut

DAY = np.timedelta64(1, "D")
#: What v0 ... v11 were given when this was first released. A change here makes old test rows training rows.
PINNED = ["train"] * 4 + ["valid"] + ["train"] * 7
START = np.datetime64("2026-01-01T00:00:00", "us")


def _examples(days: list[int], entities: list[str]) -> pa.Table:
    taken = np.array([START + day * DAY for day in days], "datetime64[us]")
    return pa.table(
        {
            "video_id": entities,
            "taken_at": pa.array(taken, pa.timestamp("us", "UTC")),
            "horizon_at": pa.array(taken + 7 * DAY, pa.timestamp("us", "UTC")),
            "split": assign_split(pa.array(entities), "viral"),
        }
    )


@given(st.lists(st.text(min_size=1), min_size=1, max_size=60))
def test_an_entity_lies_on_one_side_whatever_stands_around_it(entities: list[str]) -> None:
    together = assign_split(pa.array(entities), "viral").to_pylist()
    alone = [assign_split(pa.array([entity]), "viral")[0].as_py() for entity in entities]
    assert together == alone


def test_sides_do_not_move_between_releases() -> None:
    sides = assign_split(pa.array([f"v{number}" for number in range(10_000)]), "viral").to_pylist()
    assert sides[:12] == PINNED
    shares = {name: sides.count(name) / len(sides) for name in ("train", "valid", "test")}
    assert abs(shares["train"] - 0.70) < 0.02
    assert abs(shares["valid"] - 0.15) < 0.02
    assert abs(shares["test"] - 0.15) < 0.02


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), min_size=1, max_size=200))
def test_all_that_was_learnt_was_known_before_the_first_test_prediction(rows: list[tuple[int, int]]) -> None:
    examples = _examples([day for day, _ in rows], [f"v{number}" for _, number in rows])
    train, valid, test, cut = rows_by_role(examples, split="split", time="taken_at", known="horizon_at")
    assert cut is not None
    for taught in (train, valid):
        assert all(known < cut for known in taught["horizon_at"].to_numpy().astype("datetime64[us]"))
        assert not set(taught["video_id"].to_pylist()) & set(test["video_id"].to_pylist())
    assert all(taken >= cut for taken in test["taken_at"].to_numpy().astype("datetime64[us]"))


def test_the_cut_is_two_weeks_before_the_end_of_a_long_history() -> None:
    assert time_cut(START + np.arange(365) * DAY) == START + 350 * DAY


def test_the_cut_leaves_most_of_a_short_history_to_learn_from() -> None:
    assert time_cut(START + np.arange(20) * DAY) == START + 16 * DAY


def test_a_version_without_rows_has_no_roles() -> None:
    train, valid, test, cut = rows_by_role(
        _examples([], []), split="split", time="taken_at", known="horizon_at"
    )
    assert (train.num_rows, valid.num_rows, test.num_rows, cut) == (0, 0, 0, None)
