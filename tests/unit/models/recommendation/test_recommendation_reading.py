"""Rows of the platform's tables become what the recommender takes, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.recommendation.question import Interaction
from models.recommendation.reading import described, interactions, moment_us

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WIDE = st.integers(-(10**15), 4 * 10**15)


@given(microseconds=WIDE, zone=st.integers(-11, 13))
def test_a_moment_is_exact_in_any_zone(microseconds: int, zone: int) -> None:
    at = (EPOCH + timedelta(microseconds=microseconds)).astimezone(timezone(timedelta(hours=zone)))
    assert moment_us(at) == microseconds


def test_an_item_is_described_with_whether_it_was_taken_down() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row: dict[str, Any] = {
        "id": "v1", "kind": "video", "author_id": "ann", "text": "One", "tags": ["a"], "category": None,
        "language": "en", "published_at": at, "updated_at": at, "removed_at": None,
    }  # fmt: skip
    found = described(row)
    assert (found["published_us"], found["removed"], found["tags"]) == (moment_us(at), False, ["a"])
    assert "updated_at" not in found
    assert described(row | {"removed_at": at})["removed"]


def test_a_history_keeps_its_order() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        SimpleNamespace(item_id=one, item_kind="video", kind="view", at=at, watch_share=0.5)
        for one in ("b", "a")
    ]
    assert interactions(rows) == tuple(Interaction(one, "view", moment_us(at), 0.5) for one in ("b", "a"))
