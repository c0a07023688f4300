"""Retraining the face family as a flow on real servers, from a stored version of drawn portraits."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from config.settings import Settings
from models.face.predictor import FacePredictor
from models.family import Evaluation, Mistake, get_family
from registry.registry import Registry
from storage.database import transaction
from storage.datasets.repository import DatasetRepository
from storage.erasure import remember, subject_hash
from storage.objects import open_store
from tests.face_world import CLASSES, TINY, face_rows
from tests.integration.conftest import _forget_versions
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report

pytestmark = PREFECT_SOCKETS
FACE = get_family("face")


@pytest.fixture
def face(flow_settings: Settings, datasets: DatasetRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full version of drawn portraits."""
    for name, value in {
        "FACE_CLASSES": ",".join(CLASSES), "FACE_MIN_TRAINING_SAMPLES": "50",
        "FACE_RETRAIN_ACCURACY_THRESHOLD": "0.6", "FACE_DEVICE": "cpu",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    _forget_versions(flow_settings.mlflow_url, "face")
    publish(datasets)


def publish(datasets: DatasetRepository, *more: pa.Table) -> None:
    rows = [face_rows(24, 1), face_rows(10, 2, split="valid"), face_rows(12, 3, split="test"), *more]
    datasets.publish(
        family="face", stage="full", period="2026-10", schema=FACE.schema,
        batches=pa.concat_tables(rows).to_batches(), made_by="tests", label="label", split="split",
    )  # fmt: skip


def retrain() -> dict[str, Any]:
    from flows.retrain import retrain as flow

    return asyncio.run(flow(family="face", params=TINY))


def artifact(settings: Settings, registry: Registry, version: str, path: str) -> bytes:
    run = registry.version("face", version).run_id
    found = httpx.get(
        f"{settings.mlflow_url}/get-artifact", params={"run_id": run, "path": path}, timeout=10, trust_env=False
    )
    return found.raise_for_status().content


def test_a_face_model_is_trained_from_photos_judged_by_its_own_floors_and_promoted(
    face: None, flow_settings: Settings, registry: Registry, report: Report
) -> None:
    summary = retrain()

    assert (summary["promoted"], summary["production"]) == (True, "1")
    version = registry.production("face")
    assert version is not None
    assert version.gate["checks"][0]["detail"] == "72 training rows, at least 50 are asked for"
    assert {check["name"] for check in version.gate["checks"]} >= {
        "better than baseline 'majority'", "better than baseline 'pca_linear'",
    }  # fmt: skip
    predictor = registry.load("face", "1").predictor
    assert isinstance(predictor, FacePredictor)
    assert predictor.classes == CLASSES
    for name in ("embedding", "confusion"):
        assert artifact(flow_settings, registry, "1", f"plots/{name}.png").startswith(b"\x89PNG")
    assert "version 1 was promoted" in report("retrain-face")
    assert not list(open_store(flow_settings).list("models/checkpoints/"))


def test_the_run_log_tells_each_epoch_and_the_run_shows_whose_photos_were_answered_wrong(
    face: None, flow_settings: Settings, registry: Registry, datasets: DatasetRepository
) -> None:
    named_wrong = face_rows(2, 4, split="test")
    place = named_wrong.schema.get_field_index("label")
    turned = pa.array([*CLASSES[1:], CLASSES[0]] * 2)
    publish(datasets, named_wrong.set_column(place, named_wrong.schema.field("label"), turned))

    summary = retrain()

    body = {"sort": "TIMESTAMP_DESC", "limit": 200}
    found = httpx.post(f"{flow_settings.prefect_url}/logs/filter", json=body, timeout=10, trust_env=False)
    told = [entry["message"] for entry in found.raise_for_status().json()]
    assert any(text.startswith("epoch 6/6: train loss") for text in told)
    assert "72 training photos" in told
    assert summary["dataset"] == "face/full/2026-10.r2"
    shown = json.loads(artifact(flow_settings, registry, "1", "plots/mistakes.json"))
    assert {"user-4-0", "user-4-1"} <= {one["entity"] for one in shown}
    assert artifact(flow_settings, registry, "1", "plots/mistakes.png").startswith(b"\x89PNG")


def test_a_person_who_is_forgotten_while_a_training_runs_is_not_on_its_sheet(
    flow_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import training
    from tasks.platform import Platform
    from tasks.training_rows import RoleRows

    logged: list[Evaluation] = []
    parts = Platform(flow_settings)
    monkeypatch.setattr(Registry, "log_training", lambda _self, **given: logged.append(given["evaluation"]))
    mistakes = tuple(
        Mistake(np.zeros((2, 2, 3), np.uint8), *CLASSES[:2], 0.9, user) for user in ("anna", "bob")
    )
    nothing = np.zeros(0)
    measured = Evaluation(
        {}, {}, {}, CLASSES, np.zeros((3, 3)), [], nothing, nothing, {}, rows=0, mistakes=mistakes
    )
    rows = RoleRows(face_rows(1), face_rows(1), face_rows(1), "face/full/2026-10", "0" * 64)
    try:
        with transaction(parts.engine) as connection:
            subject = subject_hash(flow_settings, "anna")
            remember(connection, subject, requested_by="ada", reason=None, at=datetime.now(UTC))
        predictor: Any = None
        training.log_challenger.fn("face", predictor, training.Scores(measured, None, None), rows, None, "key")
    finally:
        parts.close()

    assert [one.entity for one in logged[0].mistakes] == ["bob"]
