"""What a training leaves in MLflow."""

from __future__ import annotations

import pyarrow as pa
import pytest

from config.errors import ModelInvalid, ModelNotFound
from config.settings import Settings
from models.viral import FAMILY
from registry.registry import Registry
from tests.integration.registry.conftest import Register
from tests.viral_world import roles, trained


def test_a_training_carries_parameters_metrics_plots_dataset_and_code(
    registry: Registry, register: Register, ml_settings: Settings
) -> None:
    from mlflow import MlflowClient

    version = register()
    client = MlflowClient(ml_settings.mlflow_url, registry_uri=ml_settings.mlflow_url)
    run = client.get_run(version.run_id)
    plots = {one.path for one in client.list_artifacts(version.run_id, "plots")}

    assert run.info.status == "FINISHED"
    assert run.data.params["trees"] == "25"
    assert run.data.params["learning_rate"] == "0.07"  # the family's own, which nobody named
    assert run.data.params["dataset"] == "viral/full/2026-10"
    assert run.data.metrics["macro_f1"] == pytest.approx(version.metrics["macro_f1"])
    assert "baseline/no_growth/log_loss" in run.data.metrics
    assert plots == {"plots/confusion.png", "plots/calibration.png", "plots/importance.png"}
    assert run.inputs.dataset_inputs[0].dataset.name == "viral/full/2026-10"
    assert version.code.startswith(("git:", "assay "))
    assert version.dataset == "viral/full/2026-10"
    assert version.rows["train"] == roles()[0].num_rows


def test_logging_a_training_again_gives_the_version_that_is_there(
    registry: Registry, register: Register
) -> None:
    first = register(key="run-1")

    assert register(key="run-1").version == first.version
    assert [version.version for version in registry.versions("viral")] == [first.version]


def test_a_loaded_version_answers_as_the_model_that_was_trained(registry: Registry, register: Register) -> None:
    predictor, _ = trained()
    rows = roles()[2].slice(0, 20)

    loaded = registry.load("viral", register().version)

    assert loaded.predictor.predict(rows) == predictor.predict(rows)


def test_mlflow_itself_loads_a_version_and_it_is_no_pickle(
    registry: Registry, register: Register, ml_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ml_settings.mlflow_url)
    import mlflow

    mlflow.set_tracking_uri(ml_settings.mlflow_url)
    version = register()
    rows = roles()[2].slice(0, 3)

    model = mlflow.pyfunc.load_model(f"models:/viral/{version.version}")
    answers = model.predict(rows.select(FAMILY.schema.names).to_pandas())

    assert answers["viral_class"].tolist() == [one["viral_class"] for one in trained()[0].predict(rows)]
    assert model.metadata.flavors["python_function"]["loader_module"] == "registry.pyfunc"
    assert sorted(registry.files("viral", version.version)) == ["model.json", "model.txt"]


def test_a_damaged_disk_copy_is_fetched_again(
    registry: Registry, register: Register, ml_settings: Settings
) -> None:
    version = register()
    registry.load("viral", version.version)
    copies = list((ml_settings.home / "cache" / "models" / "viral").iterdir())
    (copies[0] / "model.txt").write_text("torn")

    assert registry.files("viral", version.version)["model.txt"] == trained()[0].to_files()["model.txt"]


def test_a_version_that_assay_did_not_register_is_refused(
    registry: Registry, register: Register, ml_settings: Settings
) -> None:
    from mlflow import MlflowClient

    source = register()
    client = MlflowClient(ml_settings.mlflow_url, registry_uri=ml_settings.mlflow_url)
    client.create_model_version("viral", f"runs:/{source.run_id}/model", source.run_id)

    with pytest.raises(ModelInvalid, match="did not register"):
        registry.load("viral", "2")


def test_versions_are_listed_newest_first_and_compared_side_by_side(
    registry: Registry, register: Register
) -> None:
    register()
    register()

    assert [version.version for version in registry.versions("viral")] == ["2", "1"]
    compared = registry.compare("viral", "1", "2")
    assert compared["same_rows"] is True
    assert {row["name"]: row["difference"] for row in compared["metrics"]}["accuracy"] == 0


@pytest.mark.parametrize("version", ["99", "latest", ""])
def test_a_version_that_is_not_there_is_named(registry: Registry, version: str) -> None:
    with pytest.raises(ModelNotFound, match=version or "version"):
        registry.version("viral", version)


def test_a_family_without_versions_has_none_in_production(registry: Registry) -> None:
    assert registry.production("viral") is None
    assert registry.versions("viral") == []


def test_models_answer_plain_rows_with_columns_left_out() -> None:
    from registry.pyfunc import as_examples

    table = as_examples(pa.table({"views": ["12", "13"], "unknown": [1, 2]}), FAMILY.schema)

    assert table.schema.names == FAMILY.schema.names
    assert table["views"].to_pylist() == [12, 13]
