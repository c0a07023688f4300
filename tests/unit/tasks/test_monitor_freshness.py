"""Which runs are late, against the pauses of their schedules."""

from __future__ import annotations

import datetime as dt

import pytest

from config.settings import load_settings
from tasks.monitor_freshness import look_at_runs
from tasks.monitor_schedules import Schedule, _pause, longest_pause

AT = dt.datetime(2026, 11, 3, 5, 30, tzinfo=dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("cron", "pause"),
    [
        ("0 0 * * *", DAY),
        ("*/15 * * * *", HOUR / 4),
        ("0 3 * * 0", 7 * DAY),
        ("0 2 1 * *", 31 * DAY),
        ("30 9 * * 1-5", 3 * DAY),
    ],
)
def test_the_pause_between_runs_is_the_longest(cron: str, pause: dt.timedelta) -> None:
    assert longest_pause(cron, AT) == pause


@pytest.mark.parametrize(("named", "pause"), [("@daily", DAY), ("@Weekly", 7 * DAY), ("@hourly", HOUR)])
def test_names_that_prefect_takes_for_schedules_are_known(named: str, pause: dt.timedelta) -> None:
    assert longest_pause(named, AT) == pause


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "R 4 * * *", "@reboot", ""])
def test_a_schedule_that_says_nothing_has_no_pause_and_is_never_late(cron: str) -> None:
    assert _pause("collect-daily", cron, AT) is None
    assert late(collect_daily=Schedule(None, AT - 100 * DAY, None)) == {}


def late(**schedules: Schedule) -> dict[str, str]:
    named = {name.replace("_", "-"): one for name, one in schedules.items()}
    return {one.fingerprint: one.sentence for one in look_at_runs(load_settings(), named, AT).findings}


def test_a_run_is_late_after_twice_its_pause_and_not_before() -> None:
    assert late(collect_daily=Schedule(DAY, AT - 2 * DAY, None)) == {}
    found = late(collect_daily=Schedule(DAY, AT - 2 * DAY - HOUR, None))
    assert found == {
        "freshness/platform/run of collect-daily": "collect-daily last ran well 2.0 days ago; its schedule has "
        "at most 24.0 hours between two runs. See its runs in Prefect."
    }


def test_the_retraining_of_a_family_is_its_own_matter() -> None:
    assert list(late(retrain_viral=Schedule(7 * DAY, AT - 15 * DAY, None))) == [
        "freshness/viral/run of retrain-viral"
    ]


def test_one_that_never_ran_has_time_from_its_deployment_on() -> None:
    assert late(retrain_face=Schedule(31 * DAY, None, AT - 60 * DAY)) == {}
    [sentence] = late(retrain_face=Schedule(31 * DAY, None, AT - 70 * DAY)).values()
    assert "last ran well never" in sentence


def test_what_is_paused_or_runs_each_few_minutes_or_is_the_monitor_is_not_late() -> None:
    assert late(retrain_ctr=Schedule(None, AT - 100 * DAY, None)) == {}
    assert late(refresh_trending=Schedule(HOUR / 4, AT - HOUR * 0.9, None)) == {}
    assert late(monitor=Schedule(DAY, AT - 9 * DAY, None)) == {}
