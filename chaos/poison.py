"""A version with poisoned files: registered in MLflow by hand, as somebody with access to it could.

``pickle``: a file of the model is a pickle that would run code, and list, SHA-256 and tags are made to match.
``truncated``: a file is half as long, the list as it was. ``swapped``: a file of other content, the list made
to match it, the registered SHA-256 as it was. ``unlisted``: no list at all.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from config.settings import Settings
from registry.api import MlflowApi
from registry.catalog import ALIAS, FILES
from registry.files import INSIDE, LISTING, digest, make_listing
from registry.registry import Registry

FAMILY = "viral"
#: Below the artifacts of a run.
FOLDER = "poison"


class _Runs:
    """A pickle of this makes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self._marker = str(marker)

    def __reduce__(self) -> Any:
        return open, (self._marker, "w")


@dataclass(frozen=True)
class Poisoned:
    """The files of a version, and the SHA-256 that is registered for their list."""

    files: dict[str, bytes]
    sha256: str


def poison(files: dict[str, bytes], kind: str, marker: Path) -> Poisoned:
    """``files`` of a good model, poisoned; all that the pickle would do is to make the file ``marker``."""
    good = make_listing(FAMILY, files)
    victim = max(files, key=lambda name: len(files[name]))
    code = pickle.dumps(_Runs(marker))
    if kind == "pickle":
        bad = dict.fromkeys(files, code)
        listing = make_listing(FAMILY, bad)
        return Poisoned({**bad, LISTING: listing}, digest(listing))
    if kind == "swapped":
        bad = {**files, victim: code}
        return Poisoned({**bad, LISTING: make_listing(FAMILY, bad)}, digest(good))
    if kind == "unlisted":
        return Poisoned({**files, victim: code}, digest(good))
    return Poisoned({**files, victim: files[victim][: len(files[victim]) // 2], LISTING: good}, digest(good))


@contextlib.contextmanager
def poisoned(settings: Settings, kind: str, marker: Path, number: int) -> Iterator[str]:
    """The alias of :data:`FAMILY` is on a poisoned version until the end; then all is as it was.

    Yields:
        The number of the poisoned version.
    """
    # patient: what was put there must be taken away again
    registry, api = Registry(settings), MlflowApi(settings.mlflow_url, timeout=30.0, attempts=6, pause=2.0)
    try:
        champion = registry.production(FAMILY)
        if champion is None:
            raise RuntimeError(f"no version of {FAMILY} is in production")
        made = poison(registry.files(FAMILY, champion.version), kind, marker)
        run, place = _start_run(api, champion.run_id, number)
        _upload(settings, f"{urlsplit(place).path.lstrip('/')}/{FOLDER}", made.files)
        tags = {**champion.tags, FILES: made.sha256}
        body = {
            "name": FAMILY,
            "source": f"{place}/{FOLDER}",
            "run_id": run,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        version = str(api.post("model-versions/create", body)["model_version"]["version"])
        try:
            _put_alias(api, version)
            yield version
        finally:
            _put_alias(api, champion.version)
            api.delete("model-versions/delete", {"name": FAMILY, "version": version})
    finally:
        api.close()
        registry.close()


def _start_run(api: MlflowApi, beside: str, number: int) -> tuple[str, str]:
    """A new run in the experiment of run ``beside``: its id, and where its artifacts lie."""
    experiment = api.get("runs/get", run_id=beside)["run"]["info"]["experiment_id"]
    body = {"experiment_id": experiment, "run_name": f"poison {number}"}
    info = api.post("runs/create", body)["run"]["info"]
    return str(info["run_id"]), str(info["artifact_uri"])


def _put_alias(api: MlflowApi, version: str) -> None:
    api.post("registered-models/alias", {"name": FAMILY, "alias": ALIAS, "version": version})


def _upload(settings: Settings, folder: str, files: dict[str, bytes]) -> None:
    base = f"{settings.mlflow_url}/api/2.0/mlflow-artifacts/artifacts/{folder}/{INSIDE}"
    with httpx.Client(timeout=30.0, trust_env=False) as client:
        for name, data in files.items():
            client.put(f"{base}/{name}", content=data).raise_for_status()
