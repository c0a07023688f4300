"""The windows of time: what they cover, and what enters and leaves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.trending.windows import BUCKET, WINDOWS, covers, floor, horizon, moves

NOW = datetime(2026, 3, 10, 12, 7, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


def test_a_window_holds_its_length_and_the_bucket_that_has_begun() -> None:
    hour = covers(NOW)[0]
    assert hour.start == datetime(2026, 3, 10, 11, tzinfo=UTC)
    assert hour.end == datetime(2026, 3, 10, 12, 15, tzinfo=UTC)
    assert hour.before == datetime(2026, 3, 10, 10, tzinfo=UTC)
    assert hour.elapsed_hours(NOW) == pytest.approx(67 / 60)


def test_on_the_quarter_a_window_holds_exactly_its_length() -> None:
    moment = datetime(2026, 3, 10, 12, 15, tzinfo=UTC)
    assert [each.end - each.start for each in covers(moment)] == [timedelta(hours=h) for h in WINDOWS.values()]


@given(MOMENTS)
def test_no_window_reaches_behind_the_horizon(moment: datetime) -> None:
    assert min(each.before for each in covers(moment)) >= horizon(moment)


@given(MOMENTS, st.timedeltas(timedelta(), timedelta(days=90)))
def test_moves_lead_from_one_cover_to_the_next(moment: datetime, passed: timedelta) -> None:
    after = moment + passed
    probes = [floor(edge) + step * BUCKET for each in covers(moment) + covers(after)
              for edge in (each.before, each.start, each.end) for step in (-1, 0, 1)]  # fmt: skip
    made = moves(moment, after)
    for old, new in zip(covers(moment), covers(after), strict=True):
        for probe in probes:
            change = [move for move in made if move.hours == old.hours and move.low <= probe < move.high]
            now = (old.start <= probe < old.end) + sum(move.now for move in change)
            before = (old.before <= probe < old.start) + sum(move.before for move in change)
            assert now == (new.start <= probe < new.end)
            assert before == (new.before <= probe < new.start)


@given(MOMENTS)
def test_a_tick_moves_no_more_than_the_time_that_passed(moment: datetime) -> None:
    spans = [move.high - move.low for move in moves(moment, moment + timedelta(minutes=15))]
    assert max(spans) <= 2 * BUCKET
    assert len(spans) <= 4 * len(WINDOWS)


def test_from_nothing_all_enters() -> None:
    assert {(move.now, move.before) for move in moves(None, NOW)} == {(1, 0), (0, 1)}
    assert moves(NOW, NOW) == []
