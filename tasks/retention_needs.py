"""How long things must be kept at the least: what collection, building, trending and the monitor still read."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

from config.errors import SettingsError
from config.settings import Settings
from models.family import FAMILIES, Window, get_family
from models.monitoring.volume import WEEKS
from models.trending.windows import horizon
from storage.ctr_predictions import AHEAD
from tasks.recommendations import KEPT

DAY = dt.timedelta(days=1)
#: A collection that failed is run again within this time.
LATE_DAYS = 7
#: The months that are built, or built again after late reviews: the running one and the one before.
BUILT_DAYS = 62


@dataclass(frozen=True)
class Need:
    """The least value of a setting, and who needs it."""

    setting: str
    least: int
    why: str


def reach(family_name: str, settings: Settings) -> dt.timedelta:
    """How long before the beginning of a day its collection still needs predictions of the family.

    Viral: horizon and history. CTR: its predictions are about the day that follows, whose counts take a day to
    gather and ``CTR_MATURITY_HOURS`` to be final. Recommendation: lists are shown for two days after they were
    made. The others look at the day alone.
    """
    family = get_family(family_name)
    options = family.options(settings)
    window = Window(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.datetime(2026, 1, 3, tzinfo=dt.UTC))
    span = window.start - family.source_span(window, options).start
    if family_name == "ctr":
        span = max(span, AHEAD + DAY + options.maturity)
    return max(span, KEPT) if family_name == "recommendation" else span


def predictions_need(settings: Settings) -> Need:
    """Days that predictions must be kept: the longest reach, the day, and the time of whoever is late."""
    reaches = {name: reach(name, settings) for name in FAMILIES}
    name = max(reaches, key=lambda one: reaches[one])
    later = max(LATE_DAYS, settings.monitor_window_days)
    days = math.ceil(reaches[name] / DAY) + 1 + later
    return Need(
        "retention_predictions_days",
        days,
        f"collection of {name} reads predictions of {math.ceil(reaches[name] / DAY) + 1} days, and runs that"
        f" are late and the monitor those of {later} more",
    )


def candidates_need(settings: Settings) -> Need:
    """Days that candidates must be kept: two months may still be built of them, and the monitor reads them."""
    return Need(
        "retention_candidates_days",
        max(BUILT_DAYS, settings.monitor_window_days + LATE_DAYS),
        "the running month and the one before are still built of them",
    )


def events_need(settings: Settings, at: dt.datetime) -> Need:
    """Whole months that events must be kept: what trends, what was seen, and who is active are told of them."""
    spans = {
        "trending": math.ceil((at - horizon(at)) / DAY),
        "what a user has seen": math.ceil(settings.recommendation_seen_days),
        "who is active": math.ceil(settings.recommendation_active_days),
        "the monitor": settings.monitor_window_days,
    }
    name = max(spans, key=lambda one: spans[one])
    days = spans[name] + LATE_DAYS
    months = next(number for number in range(1, 1000) if _fewest_days(number) >= days)
    return Need(
        "retention_events_months", months, f"{name} needs {spans[name]} days, and late runs a week more"
    )


def monitor_need() -> Need:
    """Days that the monitor's figures must be kept: it compares with its own of past weeks."""
    least = 7 * WEEKS + LATE_DAYS
    return Need("retention_monitor_days", least, f"a day's answers are compared with those of {WEEKS} weeks")


def _fewest_days(months: int) -> int:
    """Days that so many months in a row have at least."""
    return min(
        (_first(number + months) - _first(number)).days
        for number in range(48)  # four years: with a leap day
    )


def _first(number: int) -> dt.date:
    return dt.date(2025 + number // 12, number % 12 + 1, 1)


def needs(settings: Settings, at: dt.datetime) -> Mapping[str, Need]:
    """The least value of each setting that has one."""
    found = (predictions_need(settings), candidates_need(settings), events_need(settings, at), monitor_need())
    return {need.setting: need for need in found}


def check(settings: Settings, at: dt.datetime) -> None:
    """Refuse settings by which something would be deleted that is still needed.

    Raises:
        SettingsError: one is too short; the message names it, why, and the least value.
    """
    short = [
        f"{need.setting.upper()} is {value}, and must be at least {need.least}: {need.why}."
        for need in needs(settings, at).values()
        if (value := getattr(settings, need.setting)) is not None and value < need.least
    ]
    if short:
        raise SettingsError(
            " ".join(short), hint="Nothing is deleted until that is mended; unset, it is kept for ever."
        )
