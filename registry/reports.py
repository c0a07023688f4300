"""The report that a training left with its MLflow run: pictures, and the evaluation as JSON."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from config.errors import ModelNotFound, RegistryError
from registry.api import MlflowApi

#: Folders of the run in which a report lies (registry/training_log.py writes it).
ROOT, PLOTS = "", "plots"


def report_files(api: MlflowApi, run_id: str) -> list[str]:
    """Paths of the report's files below the run, such as ``plots/confusion.png``; empty where the run is gone.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    found: list[str] = []
    for folder in (ROOT, PLOTS):
        try:
            answer = api.get("artifacts/list", run_id=run_id, path=folder)
        except ModelNotFound:
            return []
        found += [entry["path"] for entry in answer.get("files", []) if not entry.get("is_dir")]
    return sorted(found)


def report_file(api: MlflowApi, run_id: str, path: str) -> bytes:
    """One of them.

    Raises:
        ModelNotFound: the run has no such file in its report.
        RegistryError: this MLflow server does not pass artifacts through.
    """
    parent = str(PurePosixPath(path).parent)
    if parent not in (".", PLOTS) or PurePosixPath(path).name in ("", ".."):
        raise ModelNotFound(f"'{path}' is not in a report.")
    place = urlsplit(str(api.get("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"]))
    if place.scheme != "mlflow-artifacts":
        raise RegistryError(
            "This MLflow server does not pass artifacts through, so reports cannot be shown here.",
            hint="Start it with --serve-artifacts, or look at the run in MLflow.",
        )
    return api.download(f"{place.path.strip('/')}/{path}")
