"""The filters of the verify page, and the place in its list, as they stand in an address."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import InputError
from serving.admin.verify_filter import decode_place, encode_place, query_of, read_filter


def test_nothing_asked_means_all_that_waits() -> None:
    asked = read_filter("face", {})
    assert (asked.filter.state, asked.filter.day, asked.filter.label, asked.problems) == (
        "waiting",
        None,
        None,
        (),
    )


def test_each_part_is_read() -> None:
    asked = read_filter(
        "face",
        {
            "when": "2026-11-19", "class": "Soft", "least": "20", "most": "62.5", "state": "reject",
            "reason": "No face.", "user": "u1",
        },
    )  # fmt: skip
    chosen = asked.filter
    assert (chosen.day, chosen.month, chosen.label, chosen.state) == (
        date(2026, 11, 19),
        None,
        "Soft",
        "reject",
    )
    assert (chosen.least, chosen.most, chosen.kind, chosen.entity) == (0.2, 0.625, "No face.", "u1")
    assert asked.problems == ()


def test_a_month_is_told_from_a_day() -> None:
    assert read_filter("face", {"when": "2026-11"}).filter.month == "2026-11"
    assert read_filter("face", {"month": "2026-11"}).filter.month == "2026-11"
    assert read_filter("face", {"day": "2026-11-02"}).filter.day == date(2026, 11, 2)


def test_bounds_the_wrong_way_round_are_turned() -> None:
    asked = read_filter("face", {"least": "80", "most": "20"})
    assert (asked.filter.least, asked.filter.most, asked.form["least"]) == (0.2, 0.8, "20")


@pytest.mark.parametrize(
    "query",
    [{"when": "2026-13"}, {"when": "soon"}, {"least": "x"}, {"most": "101"}, {"least": "nan"},
     {"state": "gone"}, {"class": "x" * 400}, {"user": "a\x00b"}],
)  # fmt: skip
def test_what_makes_no_sense_is_left_out_and_named(query: dict[str, str]) -> None:
    asked = read_filter("face", query)
    assert len(asked.problems) == 1
    assert asked.filter == read_filter("face", {}).filter
    assert asked.form == read_filter("face", {}).form  # what the form shows is in force
    assert query_of(asked) == ""


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(st.floats(allow_nan=False, allow_infinity=False), TEXTS, st.integers(0, 2**62))
def test_a_place_survives_the_address(rank: float, cluster: str, number: int) -> None:
    if "\x00" in cluster:
        return
    assert decode_place(encode_place((rank, cluster, number))) == (rank, cluster, number)


@pytest.mark.parametrize("text", ["", "x", "W10", "WzEsMiwzXQ", "é", "bnVsbA"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        decode_place(text)
