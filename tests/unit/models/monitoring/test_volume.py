"""Rows a day against the same weekday's past."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from models.monitoring.volume import volume

DAY = date(2026, 6, 17)


def past(rows, weeks=8):
    rng = np.random.default_rng(1)
    usual = {DAY - timedelta(days=back): int(rng.poisson(300)) for back in range(1, 7 * weeks + 1)}
    return {**usual, DAY: rows}


@pytest.mark.parametrize(("rows", "odd"), [(300, None), (250, None), (60, "low"), (900, "high"), (0, "low")])
def test_a_day_is_odd_far_from_its_weekdays(rows, odd):
    found = volume(past(rows), DAY)
    assert found is not None
    assert found.odd == odd
    assert found.low < found.expected < found.high


def test_a_quiet_weekday_is_held_against_its_own_past_only():
    counts = {**past(40), **{DAY - timedelta(weeks=back): 40 + back for back in range(1, 9)}}
    found = volume(counts, DAY)
    assert found is not None
    assert found.odd is None


def test_one_odd_week_in_the_past_moves_nothing():
    counts = {**past(300), DAY - timedelta(weeks=1): 0, DAY - timedelta(weeks=3): 90_000}
    found = volume(counts, DAY)
    assert found is not None
    assert found.odd is None
    assert found.expected == pytest.approx(300, rel=0.1)


def test_too_short_a_past_tells_nothing():
    assert volume(past(0, weeks=2), DAY) is None
    assert volume({}, DAY) is None


@pytest.mark.parametrize(("usual", "rows", "odd"), [(19, 4, None), (21, 4, "low"), (3, 12, None)])
def test_a_handful_of_rows_is_noise(usual, rows, odd):
    found = volume({DAY - timedelta(weeks=back): usual if back else rows for back in range(9)}, DAY)
    assert found is not None
    assert found.odd == odd


def test_no_rows_where_there_are_hardly_any_are_no_fault():
    counts = {DAY - timedelta(days=back): 3 for back in range(60)}
    found = volume({**counts, DAY: 0}, DAY)
    assert found is not None
    assert found.odd is None


def test_quiet_days_are_hardly_ever_odd():
    rng = np.random.default_rng(2)
    weekday = np.array([1.0, 1.1, 0.9, 1.0, 1.2, 0.6, 0.5])
    days = [DAY - timedelta(days=back) for back in range(3000)]
    counts = {day: int(rng.poisson(200 * weekday[day.weekday()] * np.exp(rng.normal(0, 0.1)))) for day in days}
    judged = [volume(counts, day) for day in days[:2500]]
    assert sum(one is not None and one.odd is not None for one in judged) <= 2
