"""Sheets of mistakes: pictures of people's rows that lie with a training's run in MLflow."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from config.errors import ModelNotFound, RegistryError
from registry.api import MlflowApi

#: The sheet, and the list of what is on it (``registry.plots.shown_in_mistakes``).
SHEET, LISTING = "plots/mistakes.png", "plots/mistakes.json"
_PAGE = 200


def sheets_with(api: MlflowApi, family: str, entities: Collection[str]) -> list[str]:
    """Ids of the runs of ``family`` whose sheet shows one of ``entities``, or does not say whom it shows.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    return [run_id for run_id, place in _runs(api, family) if _shows(api, run_id, place, entities)]


def delete_sheet(api: MlflowApi, run_id: str) -> None:
    """Delete the sheet of a run, and the list of who is on it."""
    place = str(api.get("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"])
    there = _listed(api, run_id)
    for name in (SHEET, LISTING):  # the list goes last: without it nobody knows whom the sheet shows
        if name in there:
            api.delete_artifact(_path(place, name))


def _runs(api: MlflowApi, family: str) -> Iterator[tuple[str, str]]:
    """(run id, where its artifacts are) of all runs of the family."""
    try:
        experiment = api.get("experiments/get-by-name", experiment_name=family)["experiment"]["experiment_id"]
    except ModelNotFound:
        return
    token = ""
    while True:
        body = {
            "experiment_ids": [experiment], "max_results": _PAGE, "page_token": token, "run_view_type": "ALL",
        }  # fmt: skip
        page = api.post("runs/search", body)
        for run in page.get("runs", []):
            yield str(run["info"]["run_id"]), str(run["info"].get("artifact_uri", ""))
        token = page.get("next_page_token", "")
        if not token:
            return


def _shows(api: MlflowApi, run_id: str, place: str, entities: Collection[str]) -> bool:
    there = _listed(api, run_id)
    if SHEET not in there and LISTING not in there:
        return False
    if LISTING not in there:
        return True
    try:
        shown = json.loads(api.download(_path(place, LISTING)))
        return not set(entities).isdisjoint(str(one["entity"]) for one in shown)
    except (ValueError, KeyError, TypeError):
        return True


def _listed(api: MlflowApi, run_id: str) -> set[str]:
    try:
        found = api.get("artifacts/list", run_id=run_id, path="plots").get("files", [])
    except ModelNotFound:
        return set()
    return {str(each["path"]) for each in found}


def _path(place: str, name: str) -> str:
    """The artifact's path below the root of the server's artifact proxy."""
    if urlsplit(place).scheme != "mlflow-artifacts":
        raise RegistryError(
            f"The artifacts of a run lie in {place}, which MLflow does not pass through.",
            hint=f"Delete '{name}' there by hand.",
        )
    return f"{urlsplit(place).path.lstrip('/')}/{name}"
