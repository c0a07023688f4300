"""What people read of a run that made lists ahead."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from storage.recommendation_lists import MadeList, Saved
from tasks.recommendation_text import no_lists_report, recommendations_report
from tasks.recommendations import Tally

SUMMARY: dict[str, Any] = {
    "version": "7", "as_of": "2026-11-20T12:05:00+00:00", "users": 1200, "lists": 1190, "entries": 59_000,
    "without_history": 3, "sources": {"collaborative": 44_250, "trending": 14_750}, "left_out": {},
    "forgotten_entries": 0, "pruned": 4, "live_items": 17, "seconds": 2.5, "users_a_second": 480.0,
}  # fmt: skip


def test_the_report_says_how_many_how_fast_by_which_version_and_from_where() -> None:
    text = recommendations_report(SUMMARY)
    assert "by version 7, as of 2026-11-20 12:05 UTC" in text
    assert "1,200 users, 1,190 lists with 59,000 items, in 2.5 s: 480 users a second. 3 users" in text
    assert "| collaborative | 44,250 | 75.0% |" in text
    assert "4 lists of users who are no longer active were deleted" in text
    assert "No list was." in text
    assert "forgotten" not in text


@pytest.mark.parametrize("reason", ["forgotten", "newer", "no time", "nothing to recommend", "too many users"])
def test_each_reason_to_leave_a_list_out_has_a_sentence(reason: str) -> None:
    text = recommendations_report(SUMMARY | {"left_out": {reason: 12}})
    assert "| 12 | " in text
    assert "No list was." not in text


def test_what_named_somebody_forgotten_is_said() -> None:
    assert "5 items of lists were" in recommendations_report(SUMMARY | {"forgotten_entries": 5})


def test_a_run_that_made_nothing_says_so() -> None:
    empty = SUMMARY | {"sources": {}, "users": 0, "lists": 0, "entries": 0}
    assert "There are none." in recommendations_report(empty)
    assert "No version is in production." in no_lists_report("No version is in production.")


def test_a_tally_adds_up_blocks_with_what_became_of_their_lists() -> None:
    tally = Tally()
    entry = {"id": "v1", "source": "content"}
    full = MadeList("u1", "video", [entry, entry], [frozenset(), frozenset()])
    tally.add(2, 1, [full, MadeList("u2", "video", [], [])], Saved(1, 0, 0, 1))
    tally.add(1, 0, [full], Saved(0, 1, 0, 0))
    assert (tally.users, tally.lists, tally.entries, tally.without_history) == (3, 1, 4, 1)
    assert tally.sources == Counter(content=4)
    assert +tally.left_out == Counter({"forgotten": 1, "nothing to recommend": 1})
    assert tally.forgotten_entries == 1
