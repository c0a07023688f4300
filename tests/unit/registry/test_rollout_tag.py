"""What services read of a rollout: whatever stands in the tag, they understand it or try nothing."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rollout_tag import TAG, RolloutTag, rollout_of

GOOD = RolloutTag(7, "3", "canary", 0.25, "2026-11-20T12:00:00+00:00", "viral/full/2026-10")


def test_what_is_written_is_read() -> None:
    assert rollout_of({TAG: json.dumps(asdict(GOOD)), "assay.key": "x"}) == GOOD


def test_a_version_without_the_tag_has_no_rollout() -> None:
    assert rollout_of({}) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"share": 0},
        {"share": 1.5},
        {"share": "many"},
        {"mode": "mirror"},
        {"id": None},
        {"share": float("nan")},
    ],
)
def test_a_tag_that_makes_no_sense_tries_nothing(changed: dict[str, object]) -> None:
    assert rollout_of({TAG: json.dumps(asdict(GOOD) | changed)}) is None


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_whatever_somebody_wrote_there_by_hand_raises_nothing(value: str) -> None:
    assert rollout_of({TAG: value}) is None
