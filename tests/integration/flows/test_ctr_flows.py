"""Counts of clips from the tables to collected days, months and a model, as flows on real servers."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from storage import reviews
from storage.clip_bulk import load_outcomes
from storage.clip_outcomes import save_outcomes
from storage.clips import save_clips
from storage.ctr_predictions import insert_ctr_predictions
from storage.database import transaction
from storage.datasets.repository import DatasetRepository
from storage.reviews import candidate_key
from tests.ctr_world import DAY, START, outcomes
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report

pytestmark = PREFECT_SOCKETS
FIRST, LAST = START.date(), (START + 20 * DAY).date()
LATE = START + 40 * DAY


def collect(**parameters: Any) -> dict[str, Any]:
    from flows.collect import collect_daily

    return asyncio.run(collect_daily(families=["ctr"], **parameters))


def build() -> None:
    from flows.datasets import build_datasets_monthly

    asyncio.run(build_datasets_monthly(month="2026-03", families=["ctr"]))


@pytest.fixture
def counts(engine: Engine) -> None:
    """A world of clips that are shown for sixteen days, and two that are odd."""
    load_outcomes(engine, outcomes(clips=50, days=16), LATE)
    save_clips(engine, [{"clip_id": "robot", "title": "Clicked"}], START)
    odd = {"clip_id": "robot", "started_at": START, "ended_at": START + DAY, "impressions": 500}
    save_outcomes(engine, [odd | {"key": "r1", "clicks": 450}, odd | {"key": "r2", "clicks": 500}], START + DAY)


def rows(datasets: DatasetRepository, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = datasets.table(datasets.find(f"ctr/{name}")).to_pylist()
    return found


def test_final_counts_are_collected_and_what_was_predicted_of_them_is_judged(
    counts: None, datasets: DatasetRepository, engine: Engine, report: Report
) -> None:
    answer = {"predicted_ctr": 0.03, "predicted_band": "medium", "ctr_low": 0.01, "ctr_high": 0.05}
    at = START + 4.5 * DAY
    predicted = {
        "id": uuid.uuid4(), "family": "ctr", "entity_id": "c001", "at": at, "received_at": at,
        "latency_ms": 1, "inputs": {}, "answer": answer, "model_version": "7",
    }  # fmt: skip
    insert_ctr_predictions(engine, [predicted])
    summary = collect(date=(START + 7 * DAY).date())
    found = rows(datasets, "candidates/2026-03-08")
    assert summary["examples"] == len(found) == 50
    assert {row["at"] for row in found} == {START + 5 * DAY}
    assert all(row["clip_impressions"] for row in found)
    judged = next(row for row in found if row["clip_id"] == "c001")
    assert (judged["predicted_ctr"], judged["predicted_version"]) == (0.03, "7")
    with transaction(engine) as connection:
        actual = connection.execute(text("select actual_impressions, actual_clicks from ctr_predictions")).one()
    assert tuple(actual) == (judged["impressions"], judged["clicks"])
    shown = report("collect-daily")
    assert "predictions 1" in shown
    assert "outcomes 50" in shown
    assert collect(date=(START + 7 * DAY).date())["new_versions"] == 0


def test_a_month_has_the_last_word_on_each_outcome_and_nothing_odd_that_nobody_let_pass(
    counts: None, datasets: DatasetRepository, engine: Engine
) -> None:
    key = f"c003/{(START + 5 * DAY).date()}"
    restated = {
        "key": key, "clip_id": "c003", "started_at": START + 5 * DAY, "ended_at": START + 6 * DAY,
        "placement": "feed", "impressions": 900, "clicks": 9, "replace": True,
    }  # fmt: skip
    assert save_outcomes(engine, [restated], START + 10.5 * DAY) == ["revised"]
    collect(date=FIRST, until=LAST)
    reviews.decide(
        engine, family="ctr", candidates=[candidate_key(["r1"])], decision="accept", decided_by="ada",
        decided_at=dt.datetime(2026, 3, 20, tzinfo=dt.UTC),
    )  # fmt: skip
    build()
    month = {row["outcome"]: row for row in rows(datasets, "full/2026-03")}
    assert (month[key]["impressions"], month[key]["clicks"]) == (900, 9)
    assert month[key]["known_at"] == START + 10.5 * DAY
    first = {row["outcome"]: row for row in rows(datasets, f"candidates/{(START + 7 * DAY).date()}")}
    assert first[key]["impressions"] != 900
    assert ("r1" in month, "r2" in month) == (True, False)
    assert len(month) > 700
