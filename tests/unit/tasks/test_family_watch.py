"""Families are looked at one by one: the trouble of one is not that of the others, and it is said."""

from __future__ import annotations

import pytest

from config.errors import DatasetError, StoreUnavailable
from models.monitoring.contract import Finding
from tasks.family_watch import Looks, look_at_each

BEGINS = ("promotion of version",)


def look(name: str) -> Finding | None:
    if name == "face":
        raise DatasetError("The version is damaged.")
    if name == "ctr":
        raise ZeroDivisionError("no rows")
    return (
        Finding("accuracy", name, "promotion of version 2", "critical", "Worse.") if name == "viral" else None
    )


def test_what_cannot_be_judged_is_said_and_the_rest_goes_on() -> None:
    looks = look_at_each(["face", "ctr", "viral", "topics"], "last promotion", BEGINS, look)
    unwatched, worse = looks.found
    assert (unwatched.family, unwatched.subject, unwatched.severity) == (
        "face", "watch over the last promotion", "warning",
    )  # fmt: skip
    assert "nobody watches it: The version is damaged." in unwatched.sentence
    assert worse.family == "viral"
    assert looks.judged == {
        ("watch over the last promotion", "face"),
        *((each, name) for name in ("viral", "topics") for each in (*BEGINS, "watch over the last promotion")),
    }
    assert looks.failures == ("The last promotion of ctr could not be judged: ZeroDivisionError: no rows",)


def test_a_store_that_is_away_is_for_a_later_attempt() -> None:
    def away(_name: str) -> Finding | None:
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        look_at_each(["viral"], "rollout", BEGINS, away)


def test_two_looks_at_different_things_hold_nothing_up_for_each_other() -> None:
    other = Looks((), frozenset({("canary of version", "ctr")}), ("no",))
    both = look_at_each(["viral", "ctr"], "last promotion", BEGINS, look) + other
    assert (len(both.found), len(both.failures)) == (1, 2)
    assert {(BEGINS[0], "viral"), ("canary of version", "ctr")} <= both.judged
    assert (BEGINS[0], "ctr") not in both.judged
