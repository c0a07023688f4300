"""Clicks all the way: counted, collected, trained on, asked about. An experiment that ends with a winner."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from config.settings import Settings
from demo.ctr_story import EXPERIMENT, QUESTION, RATES, VISITORS, ask_ctr, run_experiment
from demo.progress import Progress
from storage.database import make_engine, transaction
from storage.tables import CtrPrediction
from tests.e2e.conftest import World, told


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[httpx.Client]:
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    base = f"http://127.0.0.1:{settings.ctr_port}"
    with httpx.Client(base_url=base, headers={"X-API-Key": key}, timeout=30) as client:
        yield client


def test_the_version_that_was_promoted_says_how_sure_it_is(settings: Settings, world: World) -> None:
    answer = ask_ctr(settings, world.ctr)
    assert answer["answered_by"] == "model"
    assert 0 < answer["ctr_low"] < answer["predicted_ctr"] < answer["ctr_high"] < 1
    assert 0 < answer["confidence"] < 1


def test_a_better_hook_is_expected_to_be_clicked_more(service: httpx.Client, world: World) -> None:
    poor = {**QUESTION, "hook_strength": 0.1, "psychology_composite": 0.2, "hook_text": "New in store"}
    answer = service.post("/predict/ctr", json={"clips": [QUESTION, poor]}).json()
    good, bad = (one["predicted_ctr"] for one in answer["predictions"])
    assert good > 1.5 * bad


def test_an_outcome_finds_the_prediction_that_was_made_of_it(
    settings: Settings, service: httpx.Client, world: World
) -> None:
    service.post("/clips", json={"clip_id": "e2e-clip", **_clip()}).raise_for_status()
    asked = service.post(
        "/predict/ctr", json={"clip_id": "e2e-clip", "placement": "feed", "audience": "18-24"}
    ).raise_for_status()
    started = datetime.now(UTC) + timedelta(seconds=1)
    outcome = {
        "key": "e2e-1",
        "clip_id": "e2e-clip",
        "placement": "feed",
        "audience": "18-24",
        "started_at": started.isoformat(),
        "ended_at": (started + timedelta(seconds=1)).isoformat(),
        "impressions": 1000,
        "clicks": 37,
    }
    time.sleep(2.5)
    assert service.post("/outcomes", json=outcome).json()["status"] == "new"
    assert service.post("/outcomes", json=outcome).json()["status"] == "repeated"
    today = datetime.now(UTC).date()
    told(settings, "flows", "run", "collect-daily", "--date", today.isoformat())
    stored = _stored(settings, asked.json()["prediction_id"])
    assert (stored.actual_impressions, stored.actual_clicks) == (1000, 37)


def test_a_clip_that_nobody_knows_is_said_to_be_unknown(service: httpx.Client, world: World) -> None:
    answer = service.post("/predict/ctr", json={"clip_id": "no-such-clip"})
    assert answer.status_code == 404
    assert "no-such-clip" in answer.text


def test_training_starts_by_the_endpoint_and_says_where_to_watch_it(
    service: httpx.Client, settings: Settings, world: World
) -> None:
    answer = service.post("/train/ctr-model")
    assert answer.status_code == 202
    said = answer.json()
    assert said["run_id"] in said["run_url"]
    assert said["run_url"].startswith(settings.prefect_ui_url)


def test_an_experiment_sends_most_visitors_to_what_they_like_and_ends_with_a_winner(
    settings: Settings, service: httpx.Client, world: World
) -> None:
    stats = run_experiment(settings, Progress())
    decisions = {one["variant"]: one["decisions"] for one in stats["variants"]}
    assert sum(decisions.values()) == VISITORS
    best = max(RATES, key=lambda name: RATES[name])
    assert decisions[best] > VISITORS / 3
    again = run_experiment(settings, Progress())
    assert again["decisions"] == VISITORS, "the same visitors keep their variants"
    told(settings, "experiments", "conclude", EXPERIMENT, "--winner", best, "--reason", "clearly ahead")
    after = service.post(f"/experiments/{EXPERIMENT}/select", json={"subject_id": "latecomer"}).json()
    assert (after["variant"], after["in_experiment"]) == (best, False)
    actions = [one["action"] for one in told(settings, "experiments", "history", EXPERIMENT)]
    assert sorted(actions) == ["conclude", "create", "start"]


def _clip() -> dict[str, Any]:
    return {name: value for name, value in QUESTION.items() if name not in ("placement", "audience", "device")}


def _stored(settings: Settings, identity: str) -> CtrPrediction:
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    engine = make_engine(settings)
    try:
        for _ in range(30):  # it is shipped a moment after the answer, and joined by the next collection
            with transaction(engine) as connection, Session(connection) as session:
                found = session.scalar(select(CtrPrediction).where(CtrPrediction.id == identity))
                if found is not None:
                    session.expunge(found)
                    return found
            time.sleep(0.2)
    finally:
        engine.dispose()
    raise AssertionError("the prediction was not stored")
