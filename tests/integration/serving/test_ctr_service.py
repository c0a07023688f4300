"""The CTR service as a process, with a real model, PostgreSQL, MLflow and Prefect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlalchemy import Engine, text

import deploy_flows
from tests.clicks_world import FEATURES, PAST, tiny_ctr_predictor
from tests.integration.flows.conftest import PREFECT_SOCKETS
from tests.integration.serving.conftest import KEY, KEY_HEADER, ROOT, Platform, eventually

NUMBERS = ("predicted_ctr", "predicted_band", "ctr_low", "ctr_high", "confidence")
CLIP = {"clip_id": "c-1", **FEATURES}
DAY = (datetime.now(UTC) - timedelta(days=4)).date()
OUTCOME = {
    "key": "c-1/feed", "clip_id": "c-1", "date": DAY.isoformat(), "placement": "feed",
    "impressions": 1000, "clicks": 31,
}  # fmt: skip


def rows(engine: Engine, table: str, key: str = "id") -> dict[str, Any]:
    with engine.connect() as connection:
        found = connection.execute(text(f"select * from {table}")).mappings()
        return {str(row[key]): dict(row) for row in found}


def figures(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name in NUMBERS
        for value in (answer[name],)
    }


def test_a_clip_from_its_first_day_to_its_outcome(ctr_platform: Platform, engine: Engine) -> None:
    version = ctr_platform.promote()
    service = ctr_platform.service
    service.start()
    client = service.client
    assert client.post("/predict/ctr", json={"clip_id": "c-1"}).status_code == 404
    assert client.post("/outcomes", json=OUTCOME).status_code == 404
    assert client.post("/clips", json=CLIP).json() == {"clip_id": "c-1", "status": "new"}
    assert client.post("/clips", json=CLIP).json()["status"] == "unchanged"

    answer = client.post("/predict/ctr", json={"clip_id": "c-1", "placement": "feed"}).json()
    expected = tiny_ctr_predictor().predict_one(
        {
            **CLIP,
            "placement": "feed",
            "at": datetime.now(UTC),
            "published_at": datetime(2026, 10, 1, 8, tzinfo=UTC),
        }
    )
    assert figures(answer) == figures(expected)
    assert (answer["answered_by"], answer["model_version"]) == ("model", version)

    assert client.post("/outcomes", json=OUTCOME).json()["status"] == "new"
    assert client.post("/outcomes", json=OUTCOME).json()["status"] == "repeated"
    assert client.post("/outcomes", json=OUTCOME | {"clicks": 30}).status_code == 409
    assert (
        client.post("/outcomes", json=OUTCOME | {"clicks": 30, "replace": True}).json()["status"] == "revised"
    )
    with engine.connect() as connection:
        found = connection.execute(text("select revision, clicks from clip_outcomes order by revision")).all()
    assert [tuple(row) for row in found] == [(1, 31), (2, 30)]

    eventually(lambda: answer["prediction_id"] in rows(engine, "ctr_predictions"))
    kept = rows(engine, "ctr_predictions")[answer["prediction_id"]]
    prediction = rows(engine, "predictions")[answer["prediction_id"]]
    assert {name: kept[name] for name in NUMBERS} == {name: answer[name] for name in NUMBERS}
    assert (kept["clip_id"], kept["placement"], kept["model_version"]) == ("c-1", "feed", version)
    assert (prediction["entity_id"], prediction["at"]) == ("c-1", kept["at"])
    assert prediction["inputs"]["hook_strength"] == FEATURES["hook_strength"]

    known = client.get("/clips/c-1").json()
    assert (
        known.items()
        >= {"clip_id": "c-1", "title": FEATURES["title"], "clip_impressions": 1000, "clip_clicks": 30}.items()
    )
    assert service.health()["status"] == "ok"
    assert set(client.get("/openapi.json").json()["paths"]) >= {"/predict/ctr", "/outcomes", "/clips/{id}"}
    assert client.get("/docs").status_code == 200
    assert service.stop() < 5
    entries = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert not [entry for entry in entries if "/predict" in entry["message"]]
    assert len(entries) < 15, entries


def test_what_was_final_counts_as_the_past_and_the_same_is_said_of_inline_features(
    ctr_platform: Platform, engine: Engine
) -> None:
    ctr_platform.promote()
    service = ctr_platform.service
    service.start()
    client = service.client
    client.post("/clips", json=CLIP)
    client.post("/outcomes", json=OUTCOME)
    with engine.begin() as connection:
        connection.execute(text("update clips set known_at = known_at - interval '9 days'"))
    known = client.get("/clips/c-1").json()
    assert (known["clip_impressions"], known["clip_clicks"]) == (1000, 31)
    assert (known["creator_impressions"], known["advertiser_clicks"]) == (1000, 31)
    by_id = client.post("/predict/ctr", json={"clip_id": "c-1"}).json()
    inline = client.post("/predict/ctr", json=CLIP).json()
    assert figures(by_id) == figures(inline)
    assert client.get("/clips/c-1%00").status_code == 404, "not an error of the database"
    before = {"clip_id": "c-1", "at": f"{DAY}T00:00:00Z"}
    assert client.post("/predict/ctr", json=before).status_code == 200
    assert client.post("/predict/ctr", json=before | {"at": "2026-01-01T00:00:00Z"}).status_code == 404
    eventually(lambda: len(rows(engine, "predictions")) == 3)
    asked = sorted(rows(engine, "predictions").values(), key=lambda row: row["received_at"])
    assert [row["inputs"].get("clip_clicks") for row in asked] == [31, 31, None]


def test_with_the_database_away_it_answers_and_takes_outcomes_which_come_later(
    ctr_platform: Platform, engine: Engine
) -> None:
    ctr_platform.promote()
    service = ctr_platform.service
    service.start()
    client = service.client
    client.post("/clips", json={"clips": [CLIP, CLIP | {"clip_id": "c-2"}]})
    before = client.post("/predict/ctr", json={"clip_id": "c-1"}).json()
    ctr_platform.database_gate.close()

    during = client.post("/predict/ctr", json={"clip_id": "c-1"}).json()
    assert figures(during) == figures(before)
    assert client.post("/predict/ctr", json={"clip_id": "c-2"}).status_code == 503
    began = time.monotonic()
    inline = client.post("/predict/ctr", json=FEATURES)
    assert (inline.status_code, time.monotonic() - began < 2) == (200, True)
    assert client.post("/clips", json=CLIP).status_code == 503
    queued = client.post(
        "/outcomes", json={"outcomes": [OUTCOME, {}, OUTCOME | {"key": "k-2", "clip_id": "no"}]}
    )
    assert queued.status_code == 202
    assert queued.json()["counts"] == {"queued": 2, "faulty": 1}
    assert client.post("/outcomes", json=OUTCOME).status_code == 202
    eventually(lambda: "outcomes wait on disk" in service.health()["detail"])
    service.kill()

    service.start()
    ctr_platform.database_gate.open()
    eventually(lambda: rows(engine, "clip_outcomes", "key"), 20)
    assert set(rows(engine, "clip_outcomes", "key")) == {OUTCOME["key"]}
    answers = {before["prediction_id"], during["prediction_id"], inline.json()["prediction_id"]}
    eventually(lambda: set(rows(engine, "ctr_predictions")) == answers, 20)
    eventually(lambda: service.health()["status"] == "ok", 20)
    aside = list((service.settings.home / "services/ctr/outcomes/set-aside").glob("*.jsonl"))
    assert "There is no clip 'no'" in aside[0].read_text()
    assert service.client.post("/outcomes", json=OUTCOME).json()["status"] == "repeated"


def test_without_any_model_the_heuristic_answers_until_the_first_comes(
    ctr_platform: Platform, engine: Engine
) -> None:
    service = ctr_platform.service
    service.start()
    eventually(lambda: service.health()["registry"]["reachable"])
    answer = service.client.post("/predict/ctr", json={"composite_score": 1.0, "emotion_priority": 1.0})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["predicted_ctr"], body["predicted_band"]) == (pytest.approx(0.07), "high")
    assert (body["answered_by"], body["model_version"], body["confidence"]) == ("heuristic", "heuristic", None)
    health = service.health()
    assert health["status"] == "degraded"
    assert "the heuristic answers" in health["detail"]
    eventually(lambda: rows(engine, "ctr_predictions"))
    assert rows(engine, "ctr_predictions")[body["prediction_id"]]["model_version"] == "heuristic"
    version = ctr_platform.promote()
    eventually(lambda: service.health()["model_version"] == version)
    assert service.client.post("/predict/ctr", json=FEATURES | PAST).json()["answered_by"] == "model"


def test_the_command_line_asks_about_a_clip(ctr_platform: Platform) -> None:
    version = ctr_platform.promote()
    service = ctr_platform.service
    service.start()
    service.client.post("/clips", json=CLIP)

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "ML_API_KEY": KEY, "ASSAY_HOME": str(service.settings.home)}
        command = [sys.executable, "-m", "cli", "predict", "ctr", *arguments, "--url", service.url]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    found = ask("clip_id=c-1", "placement=feed", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout)["model_version"] == version
    unknown = ask("clip_id=nobody")
    assert unknown.returncode == 2
    assert "There is no clip 'nobody'" in unknown.stderr


@PREFECT_SOCKETS
def test_a_training_is_started_in_prefect_and_found_there(
    ctr_platform: Platform, prefect_client: SyncPrefectClient, prefect_url: str
) -> None:
    service = ctr_platform.service
    service.settings = service.settings.model_copy(update={"prefect_api_url": prefect_url})
    service.start()
    for deployment in prefect_client.read_deployments():
        prefect_client.delete_deployment(deployment.id)
    assert service.client.post("/train/ctr-model").status_code == 401
    missing = service.client.post("/train/ctr-model", headers=KEY_HEADER)
    assert missing.status_code == 503
    assert "There is no deployment 'retrain-ctr'" in missing.json()["detail"]

    deploy_flows.deploy(service.settings)
    answer = service.client.post("/train/ctr-model", headers=KEY_HEADER)
    assert answer.status_code == 202
    body = answer.json()
    run = prefect_client.read_flow_run(body["run_id"])
    assert (run.name, run.parameters) == (body["name"], {"family": "ctr"})
    assert body["run_url"] == f"{prefect_url.removesuffix('/api')}/runs/flow-run/{body['run_id']}"
    assert body["state"] == "SCHEDULED"
