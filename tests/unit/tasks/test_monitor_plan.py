"""What a run of the monitor looks at."""

from __future__ import annotations

import datetime as dt

import pytest

from config.errors import InputError
from models.family import FAMILIES
from tasks.monitor_plan import CHECKS, plan_monitoring

AT = dt.datetime(2026, 11, 3, 5, 30, tzinfo=dt.UTC)
YESTERDAY = dt.date(2026, 11, 2)


def test_without_a_word_everything_is_looked_at_as_it_is_now() -> None:
    plan = plan_monitoring(None, None, None, AT)
    assert (plan.checks, plan.families, plan.all_families) == (CHECKS, tuple(FAMILIES), True)
    assert (plan.day, plan.today, plan.as_of) == (YESTERDAY, AT.date(), AT)
    assert plan.judged == ("stats", "drift", "accuracy")


def test_the_platforms_health_is_no_matter_of_a_family() -> None:
    assert "health" not in plan_monitoring(None, ["ctr"], None, AT).checks
    assert plan_monitoring(["health"], ["ctr"], None, AT).checks == ("health",)


def test_checks_keep_their_order_and_yesterday_is_now() -> None:
    plan = plan_monitoring(["accuracy", "health"], None, YESTERDAY, AT)
    assert (plan.checks, plan.as_of) == (("health", "accuracy"), AT)


def test_of_a_past_day_only_what_can_be_known_is_looked_at() -> None:
    day = dt.date(2026, 10, 5)
    plan = plan_monitoring(None, None, day, AT)
    assert plan.checks == ("stats", "drift", "accuracy")
    assert plan.as_of == dt.datetime(2026, 10, 6, tzinfo=dt.UTC)
    with pytest.raises(InputError, match="health looks at can only be seen as of now"):
        plan_monitoring(["health", "drift"], None, day, AT)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"checks": ["dirft"]}, "no check 'dirft'"),
        ({"families": ["virl"]}, "no family 'virl'"),
        ({"day": AT.date()}, "not over yet"),
        ({"version": "3"}, "one family's"),
        ({"version": "3", "families": ["ctr", "viral"]}, "one family's"),
    ],
)
def test_what_makes_no_sense_is_said(given: dict[str, object], sentence: str) -> None:
    chosen: dict[str, object] = {"checks": None, "families": None, "day": None, "version": None} | given
    with pytest.raises(InputError, match=sentence):
        plan_monitoring(at=AT, **chosen)  # type: ignore[arg-type]
