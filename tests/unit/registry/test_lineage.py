"""Which version a rollback goes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.lineage import previous_version, standing

PROMOTE, ROLLBACK = "promote", "rollback"


@pytest.mark.parametrize(
    ("moves", "previous"),
    [
        ([], None),
        ([(PROMOTE, "1")], None),
        ([(PROMOTE, "1"), (PROMOTE, "2")], "1"),
        ([(PROMOTE, "1"), (PROMOTE, "2"), (PROMOTE, "3"), (ROLLBACK, "2")], "1"),
        ([(PROMOTE, "1"), (PROMOTE, "2"), (ROLLBACK, "1"), ("force", "3")], "1"),
        ([(PROMOTE, "1"), (PROMOTE, "2"), (ROLLBACK, "1"), (ROLLBACK, "2")], "1"),
        ([(PROMOTE, "1"), (PROMOTE, "2"), (PROMOTE, "3"), (ROLLBACK, "1")], None),
    ],
)
def test_a_rollback_goes_to_the_version_before(moves: list[tuple[str, str]], previous: str | None) -> None:
    assert previous_version(moves) == previous


@given(st.lists(st.tuples(st.sampled_from([PROMOTE, ROLLBACK, "force"]), st.sampled_from("12345"))))
def test_the_last_move_is_what_stands_and_rolling_back_always_ends(moves: list[tuple[str, str]]) -> None:
    stack = standing(moves)

    assert (stack[-1] if stack else None) == (moves[-1][1] if moves else None)
    steps = 0
    while (previous := previous_version(moves)) is not None:
        moves = [*moves, (ROLLBACK, previous)]
        steps += 1
        assert steps < len(stack) + 1
