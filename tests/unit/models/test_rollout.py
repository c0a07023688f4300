"""A roll-out is sticky by user, only grows with its percentage, and says nothing about another flag."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from config.errors import InputError
from config.flags import FLAGS, FlagState
from models.rollout import BUCKETS, Flags, bucket, in_rollout

NAMES = tuple(FLAGS)
USERS = [f"user-{number}" for number in range(20_000)]
#: A test with a fixed set of users either always passes or never; so few honest hashes would fail it.
ONE_IN_A_BILLION = 1e-9
flags = st.sampled_from(NAMES)
users = st.text(max_size=40)
percents = st.integers(0, 100)


@given(flags, users, percents, percents)
def test_a_higher_percentage_only_adds_users(flag: str, user: str, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert in_rollout(flag, user, low) <= in_rollout(flag, user, high)


@given(flags, users, percents)
def test_the_same_user_gets_the_same_answer_again(flag: str, user: str, percent: int) -> None:
    assert in_rollout(flag, user, percent) == in_rollout(flag, user, percent)
    assert 0 <= bucket(flag, user) < BUCKETS


@given(flags, users)
def test_nobody_has_it_at_zero_and_everybody_at_a_hundred(flag: str, user: str) -> None:
    assert not in_rollout(flag, user, 0)
    assert in_rollout(flag, user, 100)


def test_the_places_of_users_stay_for_ever() -> None:
    """Written down once: a change of the hash would take the flag from half of those who have it."""
    assert [bucket("mlRecommendations", one) for one in ("ada", "bo", "", "é")] == [350, 3251, 9323, 7799]


@given(st.text(min_size=1, max_size=20), st.integers(1, 99))
def test_the_share_of_users_is_the_percentage(flag: str, percent: int) -> None:
    count = sum(in_rollout(flag, user, percent) for user in USERS[:2000])
    low, high = binom.ppf([ONE_IN_A_BILLION, 1 - ONE_IN_A_BILLION], 2000, percent / 100)
    assert low <= count <= high


def test_having_one_flag_says_nothing_about_another() -> None:
    has = np.array([[in_rollout(flag, user, 30) for user in USERS] for flag in NAMES])
    for one, other in pairwise((*has, has[0])):
        both = int((one & other).sum())
        low, high = binom.ppf([ONE_IN_A_BILLION, 1 - ONE_IN_A_BILLION], len(USERS), 0.09)
        assert low <= both <= high


def test_a_flag_that_nobody_told_of_has_its_default() -> None:
    found = Flags.of({"personalizedFeed": FlagState(enabled=False, rollout=100), "gone": FlagState(True, 50)})
    assert tuple(found.states) == NAMES
    assert found.for_user("ada") == {
        "mlRecommendations": True, "personalizedFeed": False, "engagementRanking": True,
    }  # fmt: skip


@given(users, percents)
def test_a_flag_that_is_off_is_on_for_nobody_whatever_its_percentage(user: str, percent: int) -> None:
    assert not Flags.of({NAMES[0]: FlagState(False, percent)}).on(NAMES[0], user)


@given(users, percents)
def test_a_flag_that_is_on_is_on_within_its_percentage(user: str, percent: int) -> None:
    found = Flags.of({NAMES[0]: FlagState(True, percent)})
    assert found.on(NAMES[0], user) == in_rollout(NAMES[0], user, percent)


def test_an_unknown_flag_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no flag 'mlrecommendations'.*mlRecommendations, personalizedFeed"):
        Flags.of({}).on("mlrecommendations", "ada")


def test_flags_that_were_read_do_not_change() -> None:
    given_states = {NAMES[0]: FlagState(True, 10)}
    found = Flags.of(given_states)
    given_states[NAMES[0]] = FlagState(False, 0)
    assert found.states[NAMES[0]].share == 10
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.states = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.states[NAMES[0]] = FlagState(False, 0)  # type: ignore[index]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (FlagState(False, 40), "off"), (FlagState(True, 0), "on for nobody"),
        (FlagState(True, 25), "on for 25 % of the users"), (FlagState(True, 100), "on for everybody"),
    ],
)  # fmt: skip
def test_a_state_is_said_in_words(state: FlagState, words: str) -> None:
    assert state.words == words
