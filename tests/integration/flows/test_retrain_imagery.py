"""Retraining image moderation as a flow on real servers, from a stored version of drawn pictures."""

from __future__ import annotations

import asyncio
from typing import Any

import pyarrow as pa
import pytest

from config.settings import Settings
from models.family import get_family
from models.imagery.answering import score_images
from models.imagery.predictor import ImageryPredictor
from registry.registry import Registry
from storage.datasets.repository import DatasetRepository
from tests.imagery_world import CLASSES, TINY, imagery_rows, picture
from tests.integration.conftest import _forget_versions
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report

pytestmark = PREFECT_SOCKETS
IMAGERY = get_family("imagery")


@pytest.fixture
def pictures(
    flow_settings: Settings, datasets: DatasetRepository, monkeypatch: pytest.MonkeyPatch
) -> DatasetRepository:
    """The settings of a small world, and where its versions are."""
    for name, value in {
        "IMAGERY_MIN_TRAINING_SAMPLES": "50", "IMAGERY_RETRAIN_ACCURACY_THRESHOLD": "0.6",
        "IMAGERY_DEVICE": "cpu",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    _forget_versions(flow_settings.mlflow_url, "imagery")
    return datasets


def publish(datasets: DatasetRepository, people: int, classes: tuple[str, ...] = CLASSES) -> None:
    rows = [
        imagery_rows(people, 1, classes),
        imagery_rows(10, 2, classes, "valid"),
        imagery_rows(12, 3, classes, "test"),
    ]
    datasets.publish(
        family="imagery", stage="full", period="2026-10", schema=IMAGERY.schema,
        batches=pa.concat_tables(rows).to_batches(), made_by="tests", label="label", split="split",
    )  # fmt: skip


def retrain() -> dict[str, Any]:
    from flows.retrain import retrain as flow

    return asyncio.run(flow(family="imagery", params=TINY))


def test_a_version_is_trained_on_verified_pictures_judged_and_promoted(
    pictures: DatasetRepository, registry: Registry, report: Report
) -> None:
    publish(pictures, 24)

    summary = retrain()

    assert (summary["promoted"], summary["production"]) == (True, "1")
    version = registry.production("imagery")
    assert version is not None
    assert version.gate["checks"][0]["detail"] == "72 training rows, at least 50 are asked for"
    predictor = registry.load("imagery", "1").predictor
    assert isinstance(predictor, ImageryPredictor)
    found = score_images(predictor, [picture("nsfw", 901)])
    assert found[0].scores is not None
    assert "version 1 was promoted" in report("retrain-imagery")


def test_too_few_pictures_leave_pictures_to_people(pictures: DatasetRepository, registry: Registry) -> None:
    publish(pictures, 10)

    retrain()

    assert registry.production("imagery") is None
