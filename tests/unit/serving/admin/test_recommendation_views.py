"""What the pages of recommendation take from an address, and how they put a change into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from config.errors import InputError
from config.flags import FlagState
from models.trending.windows import DEFAULT_WINDOW
from models.trending.windows import WINDOWS as KNOWN
from serving.admin.recommendation_form import WINDOWS, TrendFilter, about, meaning, trend_filter, user_of

states = st.builds(FlagState, st.booleans(), st.integers(0, 100))


def test_the_page_has_every_window_that_is_counted() -> None:
    assert list(WINDOWS) == list(KNOWN)
    assert trend_filter(QueryParams("")).window == TrendFilter().window == DEFAULT_WINDOW


def test_a_filter_is_read_from_the_address() -> None:
    found = trend_filter(QueryParams("window=7d&kind=post&region=+DE+&language="))
    assert found == TrendFilter("7d", "post", "", "", "DE")
    assert found.given == {"kind": "post", "region": "DE"}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("window=2h", "Windows: 1h, 6h, 24h, 7d, 30d"), ("kind=song", "Kinds: video, post, user"),
        ("category=" + "x" * 101, "at most 100 characters"), ("region=%00", "no region"),
        ("language=a%0Ab", "no language"),
    ],
)  # fmt: skip
def test_a_filter_that_can_match_nothing_is_refused(query: str, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        trend_filter(QueryParams(query))


def test_an_id_is_taken_without_the_blanks_around_it() -> None:
    assert user_of(QueryParams("user=+ada+")) == "ada"
    assert user_of(QueryParams("")) == ""


@given(states, states)
def test_a_change_says_who_gains_and_who_loses(before: FlagState, after: FlagState) -> None:
    said = meaning(before, after)
    if after.share == before.share:
        assert said == "Nothing changes for users now."
    elif after.share in (0, 100):
        assert said == f"It is on for {'everybody' if after.share else 'nobody'}."
    else:
        gained = after.share - before.share
        assert f"About {abs(gained)} " in said
        assert ("get it" in said) == (gained > 0)
        assert ("lose it" in said) == (gained < 0)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (FlagState(True, 25), "about 25 of 100 users"), (FlagState(True, 100), "everybody"),
        (FlagState(True, 0), "nobody"), (FlagState(False, 25), "nobody"),
    ],
)  # fmt: skip
def test_a_share_is_said_for_people(state: FlagState, words: str) -> None:
    assert about(state) == words
