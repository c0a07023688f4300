from __future__ import annotations

from datetime import UTC, datetime, timedelta

from serving.viral_api import _dated

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_snapshot_without_a_time_is_of_now() -> None:
    inputs = {"views": 1}
    assert _dated(inputs, NOW) == []
    assert inputs["taken_at"] == NOW


def test_a_clock_that_is_a_little_ahead_is_forgiven_and_a_future_snapshot_is_not() -> None:
    assert _dated({"views": 1, "taken_at": NOW + timedelta(minutes=30)}, NOW) == []
    (fault,) = _dated({"views": 1, "taken_at": NOW + timedelta(days=365)}, NOW, "videos[2].")
    assert fault.field == "videos[2].taken_at"
    assert "in the future" in fault.message


def test_the_snapshot_before_must_lie_before() -> None:
    (fault,) = _dated({"views": 1, "previous_taken_at": NOW + timedelta(seconds=1)}, NOW)
    assert fault.message == "previous_taken_at must lie before taken_at (default: now)."
    assert _dated({"views": 1, "previous_taken_at": NOW - timedelta(days=1)}, NOW) == []
