"""Writing a training to MLflow: a run with its figures and pictures, a model, a registered version.

The registered version is the last thing written, and it carries everything the platform reads: whoever sees a
version can rely on its run and files being whole. A run that broke off before has no version and is marked
failed.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import numpy as np

from config.errors import RegistryError
from config.settings import TELEMETRY_OFF
from models.comparison import Comparison
from models.family import Evaluation, Predictor
from registry.api import MlflowApi
from registry.catalog import CODE, DATASET, DATASET_SHA, FILES, KEY, METRICS, ROWS
from registry.files import LISTING, digest, make_listing
from registry.plots import plots, shown_in_mistakes

_LIBRARIES = ("numpy", "pandas", "pyarrow")
#: What a model's answers need besides: those of these that its facts name.
_MODEL_LIBRARIES = ("lightgbm", "onnxruntime", "opencv-python-headless", "pillow")


@dataclass(frozen=True)
class Training:
    """What was trained, from what, and how it did.

    Attributes:
        dataset: name of the dataset version; ``dataset_sha256`` is that of its manifest.
        rows: how many rows train, valid and test had.
        key: makes logging idempotent: the same key gives the version that is already there.
    """

    family: str
    predictor: Predictor
    evaluation: Evaluation
    comparison: Comparison | None
    dataset: str
    dataset_sha256: str
    params: Mapping[str, Any]
    rows: Mapping[str, int]
    code: str
    key: str
    tags: Mapping[str, str] = field(default_factory=dict)


def write(api: MlflowApi, training: Training) -> str:
    """Log ``training`` and register its model; gives the new version's number.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        RegistryError: MLflow refused something.
        ModelInvalid: the predictor gives no usable files.
    """
    api.check()  # before the slow import, and with our short time-outs
    os.environ.update(TELEMETRY_OFF)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    from mlflow.exceptions import MlflowException

    files = dict(training.predictor.to_files())
    listing = make_listing(training.family, files)
    run_id = ""
    try:
        experiment = _experiment(api, training.family)
        run_id = _start_run(api, experiment, training)
        source, model_id = _log(api, experiment, run_id, training, files, listing)
        number = _register(api, training, run_id, source, model_id, listing)
    except MlflowException as error:
        _end_run(api, run_id, "FAILED")
        api.check()  # its absence is the likelier reason, and a better sentence
        raise RegistryError(f"MLflow refused the training: {error.message}") from error
    except BaseException:
        _end_run(api, run_id, "FAILED")
        raise
    _end_run(api, run_id, "FINISHED")
    return number


def figures(training: Training) -> dict[str, float]:
    """All figures of a training under one flat name each: metrics, intervals, baselines, comparison."""
    evaluation = training.evaluation
    flat = {name: float(value) for name, value in evaluation.metrics.items()}
    for name, (low, high) in evaluation.intervals.items():
        flat |= {f"interval/{name}/low": float(low), f"interval/{name}/high": float(high)}
    for baseline, metrics in evaluation.baselines.items():
        flat |= {f"baseline/{baseline}/{name}": float(value) for name, value in metrics.items()}
    if training.comparison is not None:
        comparison = training.comparison
        for name in ("difference", "low", "high"):
            flat[f"against_champion/{name}"] = float(getattr(comparison, name))
    return {name: value for name, value in flat.items() if math.isfinite(value)}


def _experiment(api: MlflowApi, family: str) -> str:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(api.url, registry_uri=api.url)
    found = client.get_experiment_by_name(family)
    if found is None:
        try:
            return str(client.create_experiment(family))
        except MlflowException:  # another training made it in this moment
            found = client.get_experiment_by_name(family)
            if found is None:
                raise
    return str(found.experiment_id)


def _start_run(api: MlflowApi, experiment: str, training: Training) -> str:
    tags = {**training.tags, KEY: training.key, DATASET: training.dataset, CODE: training.code}
    answer = api.post(
        "runs/create",
        {
            "experiment_id": experiment,
            "run_name": f"{training.family} on {training.dataset}",
            "start_time": _now(),
            "tags": [{"key": key, "value": str(value)} for key, value in tags.items()],
        },
    )
    return str(answer["run"]["info"]["run_id"])


def _log(
    api: MlflowApi,
    experiment: str,
    run_id: str,
    training: Training,
    files: Mapping[str, bytes],
    listing: bytes,
) -> tuple[str, str]:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param

    client = MlflowClient(api.url, registry_uri=api.url)
    model = client.create_logged_model(
        experiment, name="model", source_run_id=run_id, model_type=training.family
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
    now, place = _now(), (training.dataset, training.dataset_sha256[:36])
    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, now, 0, model.model_id, *place) for name, value in figures(training).items()
        ],
        params=[Param(name, str(value)[:6000]) for name, value in _parameters(training).items()],
    )
    profile = json.dumps({"rows": dict(training.rows)})
    dataset = Dataset(*place, "assay", training.dataset, profile=profile)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    with tempfile.TemporaryDirectory() as folder:
        client.log_artifacts(run_id, str(_report(Path(folder) / "report", training)))
        client.log_model_artifacts(
            model.model_id, str(_model_folder(Path(folder), training, run_id, model.model_id, files, listing))
        )
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_uri), str(model.model_id)


def _parameters(training: Training) -> dict[str, Any]:
    """Those that the model was fitted with, the family's own included, and what it was fitted to."""
    fitted = training.predictor.info.get("params", {})
    rows = {f"rows_{name}": count for name, count in training.rows.items()}
    return {**fitted, **training.params, **rows, "dataset": training.dataset, "code": training.code}


def _report(folder: Path, training: Training) -> Path:
    pictures = folder / "plots"
    pictures.mkdir(parents=True)
    for name, png in plots(training.evaluation).items():
        (pictures / name).write_bytes(png)
    evaluation = training.evaluation
    if evaluation.mistakes:
        shown = json.dumps(shown_in_mistakes(evaluation.mistakes), indent=1)
        (pictures / "mistakes.json").write_text(shown)
    content = {
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
        "baselines": evaluation.baselines,
        "classes": evaluation.classes,
        "confusion": np.asarray(evaluation.confusion).tolist(),
        "calibration": evaluation.calibration,
        "importance": evaluation.importance,
        "rows": evaluation.rows,
        "against_champion": asdict(training.comparison) if training.comparison else None,
    }
    (folder / "evaluation.json").write_text(json.dumps(content, indent=1, default=float))
    return folder


def _model_folder(
    folder: Path,
    training: Training,
    run_id: str,
    model_id: str,
    files: Mapping[str, bytes],
    listing: bytes,
) -> Path:
    import mlflow.pyfunc
    from mlflow.models import Model

    data = folder / "files"
    data.mkdir()
    for name, content in {**files, LISTING: listing}.items():
        (data / name).write_bytes(content)
    mlflow.pyfunc.save_model(
        str(folder / "model"),
        loader_module="registry.pyfunc",
        data_path=str(data),
        pip_requirements=_requirements(training.predictor),
        mlflow_model=Model(artifact_path="model", run_id=run_id, model_id=model_id),
        metadata={"family": training.family, "dataset": training.dataset},
    )
    return folder / "model"


def _requirements(predictor: Predictor) -> list[str]:
    """The libraries, as they are here, that answering with this model takes."""
    named = predictor.info.get("libraries", {})
    needed = [*_LIBRARIES, *(name for name in _MODEL_LIBRARIES if name in named)]
    return [f"{name}=={library_version(name)}" for name in needed]


def _register(
    api: MlflowApi, training: Training, run_id: str, source: str, model_id: str, listing: bytes
) -> str:
    try:
        api.post("registered-models/create", {"name": training.family})
    except RegistryError as error:
        if "already exists" not in error.message:
            raise
    metrics = {k: v for k, v in training.evaluation.metrics.items() if math.isfinite(v)}
    tags = {
        **training.tags,
        KEY: training.key,
        FILES: digest(listing),
        DATASET: training.dataset,
        DATASET_SHA: training.dataset_sha256,
        METRICS: json.dumps(metrics, default=float),
        ROWS: json.dumps(dict(training.rows)),
        CODE: training.code,
    }
    body = {
        "name": training.family,
        "source": source,
        "run_id": run_id,
        "model_id": model_id,
        "tags": [{"key": key, "value": str(value)} for key, value in tags.items()],
    }
    return str(api.post("model-versions/create", body)["model_version"]["version"])


def _end_run(api: MlflowApi, run_id: str, status: str) -> None:
    if not run_id:
        return
    try:
        api.post("runs/update", {"run_id": run_id, "status": status, "end_time": _now()})
    except RegistryError:
        if status == "FINISHED":
            raise


def _now() -> int:
    return int(time.time() * 1000)
