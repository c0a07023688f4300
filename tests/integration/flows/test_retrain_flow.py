"""Retraining as a flow on real servers: what it promotes, and what it leaves as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pyarrow as pa
import pytest

from config.errors import ModelInvalid, TrainingError, VersionNotFound
from models.viral import FAMILY
from registry.registry import Registry
from storage.datasets.repository import DatasetRepository
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.viral_world import POOR, QUICK, roles

pytestmark = PREFECT_SOCKETS


def retrain(**parameters: Any) -> dict[str, Any]:
    from flows.retrain import retrain as flow

    return asyncio.run(flow(family="viral", **{"params": QUICK, **parameters}))


def publish(datasets: DatasetRepository, rows: pa.Table, period: str = "2026-10") -> None:
    datasets.publish(
        family="viral",
        stage="full",
        period=period,
        schema=FAMILY.schema,
        batches=rows.to_batches(),
        made_by="tests",
        label="label",
        split="split",
    )


@pytest.fixture
def full(datasets: DatasetRepository) -> None:
    """A full dataset version."""
    publish(datasets, pa.concat_tables(roles()))


def test_a_first_model_that_beats_the_baselines_is_promoted_and_a_worse_one_leaves_it(
    full: None, registry: Registry, report: Report
) -> None:
    first = retrain()
    worse = retrain(params=POOR)

    assert (first["promoted"], first["production"], first["champion"]) == (True, "1", None)
    assert first["dataset"] == "viral/full/2026-10"
    assert (worse["promoted"], worse["production"], worse["champion"]) == (False, "1", "1")
    production = registry.production("viral")
    assert production is not None
    assert production.version == "1"
    assert [row.to_version for row in registry.history("viral")] == ["1"]
    assert registry.version("viral", "2").gate["passed"] is False
    text = report("retrain-viral")
    assert "version 2 was not promoted" in text
    assert "baseline 'no_growth'" in text
    assert "not better beyond chance than the champion on the same rows" in text

    forced = retrain(params=POOR, force=True)

    assert (forced["promoted"], forced["forced"], forced["production"]) == (True, True, "3")
    assert registry.history("viral")[0].action == "force"
    assert "retrain run" in registry.history("viral")[0].actor


def test_a_limit_learns_from_the_newest_rows_and_keeps_the_test_rows(full: None) -> None:
    train, valid, test = roles()

    summary = retrain(limit=600)

    assert 600 <= summary["rows"]["train"] + summary["rows"]["valid"] < train.num_rows + valid.num_rows
    assert summary["rows"]["test"] == test.num_rows


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (lambda: roles()[0].slice(0, 0), "no rows to train"),
        (lambda: _one_class(pa.concat_tables(roles())), "one class only: low"),
    ],
    ids=["empty", "one class"],
)
def test_a_dataset_that_is_not_enough_fails_clearly_and_leaves_production(
    datasets: DatasetRepository, registry: Registry, rows: Any, sentence: str
) -> None:
    publish(datasets, rows())

    with pytest.raises(TrainingError, match=sentence):
        retrain()
    assert registry.versions("viral") == []


def test_without_a_dataset_the_run_says_so(datasets: DatasetRepository) -> None:
    with pytest.raises(VersionNotFound):
        retrain()


def test_a_version_whose_stored_files_are_broken_fails_the_run_and_leaves_production(
    full: None, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.catalog import Catalog

    def broken(*_args: object, **_options: object) -> dict[str, bytes]:
        raise ModelInvalid("The model's file 'model.txt' is damaged.")

    monkeypatch.setattr(Catalog, "files", broken)
    with pytest.raises(ModelInvalid, match="not put into production"):
        retrain()
    assert registry.production("viral") is None
    assert registry.history("viral") == []


def _one_class(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("label")
    return rows.set_column(place, rows.schema.field("label"), pa.array(["low"] * rows.num_rows))
