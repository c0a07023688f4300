"""The look at the platform, whatever Prefect says of its deployments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from config.settings import load_settings
from models.family import FAMILIES, get_family
from tasks.monitor_plan import plan_monitoring
from tasks.monitor_schedules import Schedule
from tasks.monitoring import Seen, see_platform
from tests.receivers import Web, web_server

AT = dt.datetime(2026, 11, 3, 5, 30, tzinfo=dt.UTC)
PLAN = plan_monitoring(["freshness"], None, None, AT)


@pytest.fixture
def prefect() -> Iterator[Web]:
    with web_server() as made:
        made.says("/api/flow_runs/filter", [])
        yield made


def deployment(name: str, cron: str) -> dict[str, Any]:
    return {
        "id": "0", "name": name, "paused": False, "created": "2026-01-01T00:00:00Z", "tags": [],
        "schedules": [{"active": True, "schedule": {"cron": cron}}],
    }  # fmt: skip


def look(prefect: Web, *deployments: Any) -> tuple[Seen, Any]:
    prefect.says("/api/deployments/filter", list(deployments))
    return see_platform(load_settings(prefect_api_url=f"{prefect.url}/api"), PLAN, AT)


def test_a_schedule_that_cannot_be_read_takes_no_other_deployment_with_it(prefect: Web) -> None:
    never = deployment("collect-daily", "0 0 31 2 *")
    seen, schedules = look(prefect, never, deployment("refresh-trending", "@daily"))

    assert seen.failure is None
    assert seen.ran == ("freshness",)
    assert {name: one.interval for name, one in schedules.items()} == {
        "collect-daily": None, "refresh-trending": dt.timedelta(days=1),
    }  # fmt: skip
    assert [one.subject for one in seen.findings] == ["run of refresh-trending"]


def test_what_nobody_foresaw_is_a_failure_of_that_check_and_raises_nothing(prefect: Web) -> None:
    seen, schedules = look(prefect, {"something": "else"})

    assert schedules == {}
    assert seen.ran == ()
    assert str(seen.failure).startswith("platform: freshness: ")
    assert isinstance(look(prefect, deployment("collect-daily", "0 1 * * *"))[1]["collect-daily"], Schedule)


def test_the_families_that_can_be_looked_at_by_device_are_those_of_the_guide() -> None:
    """docs/guides/monitor.md says which, beside the parts that there are."""
    told = {name for name in FAMILIES if any("device" in column for column in get_family(name).schema.names)}
    assert told == {"ctr"}
