"""Answers about photos that waited on a service's disk over midnight are collected by themselves."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.datasets.repository import DatasetRepository
from storage.sources import late_days
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.photo_world import DAY, shots, take

pytestmark = PREFECT_SOCKETS
NEXT = DAY + dt.timedelta(days=1)


def collect(day: dt.date) -> dict[str, Any]:
    from flows.collect import collect_daily

    return asyncio.run(collect_daily(date=day, families=["face"]))


def moment(day: dt.date, hour: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)


def came_in(engine: Engine, user: str, at: dt.datetime) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text("update user_styles set inserted_at = :at where user_id = :user"), {"at": at, "user": user}
        )


def was_collected(engine: Engine, day: dt.date, at: dt.datetime) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text("update dataset_versions set published_at = :at where family = 'face' and period = :day"),
            {"at": at, "day": day.isoformat()},
        )


def late(engine: Engine, day: dt.date) -> list[dt.date]:
    return late_days(engine, "face", moment(day), moment(day + dt.timedelta(days=1)))


@pytest.fixture
def collected(flow_settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that was collected in the night after it, with everything that there was of it."""
    monkeypatch.setenv("FACE_CLASSES", "Serious,Soft,Warm")
    take(flow_settings, engine, shots(3, 1))
    for user in ("u0", "u1", "u2"):
        came_in(engine, user, moment(DAY, 12))
    collect(DAY)
    was_collected(engine, DAY, moment(NEXT, 2))


def test_the_next_collection_takes_a_day_again_of_which_something_came_in_late(
    collected: None, flow_settings: Settings, engine: Engine, datasets: DatasetRepository, report: Report
) -> None:
    take(flow_settings, engine, shots(1, 2, first=7))
    came_in(engine, "u7", moment(NEXT, 9))
    take(flow_settings, engine, shots(1, 1, first=9, day=NEXT))
    came_in(engine, "u9", moment(NEXT, 9))

    summary = collect(NEXT)

    assert (summary["days"], summary["examples"], summary["new_versions"]) == (1, 6, 2)
    again = datasets.manifest("face", "candidates", DAY.isoformat())
    assert again.revision == 2
    assert sorted(datasets.table(again)["photo"].to_pylist()) == ["u0/0.jpg", "u1/0.jpg", "u2/0.jpg",
                                                                  "u7/0.jpg", "u7/1.jpg"]  # fmt: skip
    assert datasets.manifest("face", "candidates", NEXT.isoformat()).rows == 1
    assert f"face/candidates/{DAY}.r2" in report("collect-daily")
    # asked again for the same day it finds nothing new
    was_collected(engine, DAY, moment(NEXT + dt.timedelta(days=1), 2))
    assert collect(NEXT)["new_versions"] == 0


def test_a_day_whose_answers_were_all_there_is_not_taken_again(
    collected: None, flow_settings: Settings, engine: Engine
) -> None:
    assert late(engine, NEXT) == []
    take(flow_settings, engine, shots(1, 1, first=9, day=NEXT))
    came_in(engine, "u9", moment(NEXT, 9))
    assert late(engine, NEXT) == []
    assert late(engine, NEXT + dt.timedelta(days=1)) == []


def test_what_came_in_after_midnight_and_before_the_collection_was_collected(
    collected: None, flow_settings: Settings, engine: Engine
) -> None:
    came_in(engine, "u0", moment(NEXT))
    assert late(engine, NEXT) == []
    # a collection reads before it publishes: what came in meanwhile may not be in it
    came_in(engine, "u0", moment(NEXT, 2) - dt.timedelta(minutes=1))
    assert late(engine, NEXT) == [DAY]


def test_what_began_to_come_in_before_midnight_may_not_have_been_collected(
    collected: None, flow_settings: Settings, engine: Engine
) -> None:
    """A row has the moment at which its transaction began; it may have ended after the collection had read."""
    was_collected(engine, DAY, moment(NEXT) + dt.timedelta(minutes=1))
    came_in(engine, "u0", moment(NEXT) - dt.timedelta(seconds=5))
    assert late(engine, NEXT) == [DAY]
    was_collected(engine, DAY, moment(NEXT, 2))
    assert late(engine, NEXT) == []


def test_a_day_that_a_collection_missed_is_taken_and_those_before_the_first_are_not(
    collected: None, flow_settings: Settings, engine: Engine
) -> None:
    missed, before = NEXT, DAY - dt.timedelta(days=1)
    after = NEXT + dt.timedelta(days=1)
    for number, day in ((7, missed), (8, before)):
        take(flow_settings, engine, shots(1, 1, first=number, day=day))
        came_in(engine, f"u{number}", moment(after, 9))
    assert late(engine, after) == [missed]


def test_what_waited_longer_than_a_month_is_left_to_whoever_asks_for_its_day(
    collected: None, flow_settings: Settings, engine: Engine
) -> None:
    for waited, found in ((31, [DAY]), (32, [])):
        came_in(engine, "u0", moment(DAY + dt.timedelta(days=waited), 5))
        assert late(engine, DAY + dt.timedelta(days=waited)) == found


def test_families_that_are_collected_by_when_rows_came_in_have_no_late_days(engine: Engine) -> None:
    assert late_days(engine, "recommendation", moment(DAY), moment(NEXT)) == []
