"""The lists: order, robustness, and what is kept of each kind, category and language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.trending.ranking import KEEP, rank
from models.trending.score import UNIT, credited, scores

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def counts(*rows: dict[str, Any]) -> pa.Table:
    common = {
        "hours": 24, "region": "", "item_kind": "video", "category": None, "language": None, "known": 10,
        "fresh": 0, "weight": 10 * UNIT, "fresh_weight": 0, "known_before": 10,
    }  # fmt: skip
    return pa.Table.from_pylist([{"item_id": f"i{number}", **common, **row} for number, row in enumerate(rows)])


def listed(table: pa.Table, **options: Any) -> list[dict[str, Any]]:
    found = rank(table, {(24, ""): (10_000, 10_000)}, NOW, options.get("min_accounts", 1)).rows.to_pylist()
    return sorted(found, key=lambda row: -row["score"])


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_no_number_of_new_accounts_counts_for_more_than_the_known_ones(
    weight: float, fresh: float, more: float
) -> None:
    known = credited(np.array([weight]), np.array([0.0]))[0]
    one, many = credited(np.array([weight] * 2), np.array([fresh, fresh + more]))
    assert known <= one <= many <= 2 * known + 1 + 1e-6


def test_velocity_is_engagement_an_hour_and_growth_lifts_the_score() -> None:
    velocity, score = scores(np.full(4, 48.0), 24, np.array([1.0, 4.0, 100.0, np.nan]))
    assert velocity.tolist() == [2.0] * 4
    assert score.tolist() == [2.0, 4.0, 4.0, 2.0]


def test_what_grew_comes_before_what_is_as_large_and_did_not() -> None:
    rows = listed(counts({"known_before": 10}, {"known_before": 2}, {"known_before": 40}))
    assert [row["item_id"] for row in rows] == ["i1", "i0", "i2"]


def test_the_first_of_each_kind_category_and_language_are_kept() -> None:
    loud = [{"category": "music", "weight": 10**9 + n} for n in range(KEEP + 20)]
    quiet: list[dict[str, Any]] = [
        {"category": "news"}, {"category": "news", "language": "de"}, {"item_kind": "user"}
    ]  # fmt: skip
    rows = listed(counts(*loud, *quiet))
    assert len(rows) == KEEP + 3
    assert {row["item_id"] for row in rows} >= {f"i{KEEP + 20 + n}" for n in range(3)} | {f"i{KEEP + 19}"}
    assert "i0" not in {row["item_id"] for row in rows}


def test_too_few_accounts_are_in_no_list_and_are_told() -> None:
    table = counts({"known": 1, "fresh": 1}, {"known": 2, "fresh": 1})
    found = rank(table, {}, NOW, 3)
    assert found.rows["item_id"].to_pylist() == ["i1"]
    assert found.judged["24h"]["too few accounts"] == 1


def test_each_window_and_region_is_a_list_of_its_own() -> None:
    table = counts({"region": "de"}, {"region": "fr"}, {"hours": 1}, {})
    found = rank(table, {}, NOW, 1)
    assert {(row["hours"], row["region"], row["item_id"]) for row in found.rows.to_pylist()} == {
        (24, "de", "i0"), (24, "fr", "i1"), (1, "", "i2"), (24, "", "i3"),
    }  # fmt: skip
    assert list(found.judged) == ["1h", "24h"]


def test_nothing_gives_empty_lists() -> None:
    assert rank(counts({}).slice(0, 0), {}, NOW, 1).rows.num_rows == 0


def test_an_item_without_engagement_now_is_in_no_list() -> None:
    assert listed(counts({"known": 0, "weight": 0, "known_before": 500})) == []


@pytest.mark.parametrize("many", [500, 50_000])
def test_a_burst_of_new_accounts_stays_behind_a_few_known_ones(many: int) -> None:
    rows = listed(
        counts(
            {"known": 0, "weight": 0, "fresh": many, "fresh_weight": many * 5000},
            {"known": 3, "weight": 3 * UNIT},
        )
    )
    assert [row["item_id"] for row in rows] == ["i1", "i0"]
