"""Which days and months a run is about."""

from __future__ import annotations

import datetime as dt

import pytest

from config.errors import InputError
from models.family import FAMILIES
from tasks.periods import day_window, days_to_collect, families_to_run, month_to_build

MIDNIGHT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def day(number: int, month: int = 2) -> dt.date:
    return dt.date(2026, month, number)


def test_without_a_date_it_is_the_day_before_the_scheduled_moment_however_late_the_run_is() -> None:
    assert days_to_collect(None, None, MIDNIGHT) == [day(28)]


def test_the_scheduled_moment_counts_in_utc() -> None:
    paris = dt.timezone(dt.timedelta(hours=1))
    assert days_to_collect(None, None, dt.datetime(2026, 3, 1, 0, 30, tzinfo=paris)) == [day(27)]


def test_a_date_is_that_day_and_a_range_has_both_its_ends() -> None:
    assert days_to_collect(day(3), None, MIDNIGHT) == [day(3)]
    assert days_to_collect(day(27), day(1, 3), MIDNIGHT) == [day(27), day(28), day(1, 3)]


@pytest.mark.parametrize(
    ("date", "until", "sentence"),
    [
        (None, day(3), "first day too"),
        (day(3), day(2), "before it begins"),
        (day(2, 3), None, "has not begun"),
        (dt.date(2024, 1, 1), day(1), "too many"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    date: dt.date | None, until: dt.date | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        days_to_collect(date, until, MIDNIGHT)


def test_a_day_is_a_half_open_span_in_utc() -> None:
    window = day_window(day(28))

    assert (window.start, window.end) == (dt.datetime(2026, 2, 28, tzinfo=dt.UTC), MIDNIGHT)


def test_a_month_is_the_one_before_unless_it_is_named() -> None:
    assert month_to_build(None, dt.datetime(2026, 1, 1, 1, tzinfo=dt.UTC)) == "2025-12"
    assert month_to_build("2026-02", MIDNIGHT) == "2026-02"
    with pytest.raises(InputError, match="2026-04 has not begun yet"):
        month_to_build("2026-04", MIDNIGHT)


@pytest.mark.parametrize("month", ["2026-13", "2026", "26-01", "2026-1", "../2026-01"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(InputError, match="YYYY-MM"):
        month_to_build(month, MIDNIGHT)


def test_families_are_checked_and_named_once() -> None:
    assert families_to_run(None) == list(FAMILIES)
    assert families_to_run(["viral", "viral"]) == ["viral"]
    with pytest.raises(InputError, match="no family 'vira'"):
        families_to_run(["vira"])
