"""Which promotions the monitor watches, and which it may roll back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.monitoring.rollback import watched

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Moved:
    from_version: str | None
    to_version: str
    action: str = "promote"
    at: datetime = AT - timedelta(days=1)
    actor: str = "ana"


def test_the_last_promotion_is_watched_for_so_many_days() -> None:
    moves = [Moved("1", "2"), Moved(None, "1")]
    found = watched(moves, AT, 7)
    assert found is not None
    assert (found.version, found.before, found.by_hand) == ("2", "1", None)
    assert watched(moves, AT + timedelta(days=7), 7) is None


@pytest.mark.parametrize(
    "moves",
    [[], [Moved(None, "1")], [Moved("2", "1", "rollback"), Moved("1", "2")]],
    ids=["nothing", "a first promotion", "a rollback"],
)
def test_what_has_nothing_before_it_or_is_a_rollback_is_not_watched(moves: list[Moved]) -> None:
    assert watched(moves, AT, 7) is None


def test_a_version_that_somebody_put_back_is_theirs_to_judge() -> None:
    moves = [Moved("1", "2", "force"), Moved("2", "1", "rollback"), Moved("1", "2"), Moved(None, "1")]
    found = watched(moves, AT, 7)
    assert found is not None
    assert found.by_hand == "version 2 was rolled back before and put back by ana"


def test_to_a_version_that_was_rolled_back_itself_nothing_goes_back_by_itself() -> None:
    moves = [Moved("2", "3"), Moved("1", "2", "force"), Moved("2", "1", "rollback"), Moved("1", "2")]
    found = watched(moves, AT, 7)
    assert found is not None
    assert found.by_hand == "version 2 was itself rolled back before"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=25))
def test_whatever_people_do_the_monitor_rolls_back_no_version_twice_and_to_none_that_was(
    steps: list[tuple[bool, int]],
) -> None:
    moves: list[Moved] = []
    rolled_back: list[str] = []
    for by_people, version in steps:
        current = moves[0].to_version if moves else None
        if by_people and str(version) != current:
            moves.insert(0, Moved(current, str(version), "force"))
            continue
        found = watched(moves, AT, 7)
        if found is not None and found.by_hand is None:  # and errs more
            assert found.version not in rolled_back
            assert found.before not in rolled_back
            rolled_back.append(found.version)
            moves.insert(0, Moved(found.version, found.before, "rollback", actor="monitor"))
