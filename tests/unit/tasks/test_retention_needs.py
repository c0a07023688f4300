"""The least that must be kept follows from the families' own options."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.errors import SettingsError
from config.settings import Settings, load_settings
from tasks.retention_needs import check, needs, reach

AT = datetime(2026, 11, 29, tzinfo=UTC)


def least(settings: Settings) -> dict[str, int]:
    return {name.removeprefix("retention_"): need.least for name, need in needs(settings, AT).items()}


def test_it_follows_the_horizon_of_the_family_that_looks_back_farthest() -> None:
    settings = load_settings()
    assert least(settings) == {
        "predictions_days": 18, "candidates_days": 62, "events_months": 3, "monitor_days": 63,
    }  # fmt: skip
    assert least(settings.model_copy(update={"viral_horizon_days": 30.0}))["predictions_days"] == 41
    assert least(settings.model_copy(update={"ctr_maturity_hours": 720.0}))["predictions_days"] == 40
    assert least(settings.model_copy(update={"monitor_window_days": 60})) == {
        "predictions_days": 71, "candidates_days": 67, "events_months": 3, "monitor_days": 63,
    }  # fmt: skip
    assert least(settings.model_copy(update={"recommendation_seen_days": 120.0}))["events_months"] == 5


def test_a_family_reaches_as_far_back_as_its_collection_reads() -> None:
    settings = load_settings()
    assert reach("viral", settings) == timedelta(days=10)
    assert reach("ctr", settings) == timedelta(days=3)
    assert reach("recommendation", settings) == timedelta(days=2)
    assert reach("face", settings) == timedelta(0)


def test_what_is_just_enough_is_taken_and_one_less_is_not() -> None:
    enough = load_settings().model_copy(
        update={
            "retention_predictions_days": 18, "retention_candidates_days": 62, "retention_events_months": 3,
            "retention_monitor_days": 63,
        }
    )  # fmt: skip
    check(enough, AT)
    for name in ("predictions_days", "candidates_days", "events_months", "monitor_days"):
        setting = f"retention_{name}"
        short = enough.model_copy(update={setting: getattr(enough, setting) - 1})
        with pytest.raises(SettingsError, match=f"^{setting.upper()} is .* must be at least"):
            check(short, AT)
