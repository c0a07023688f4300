"""Jobs of :mod:`benchmarks.scale_jobs` and those of the other flows, each in its own process:
``python -m benchmarks.scale_flow_jobs JOB FAMILY SIZE``.

Each calls what the flow's tasks call. The registry is not there: a version is a folder, so that what MLflow
takes over HTTP is in no figure.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.scale_content_jobs import CONTENT_JOBS
from benchmarks.scale_jobs import AS_OF, JOBS, MIDNIGHT, YESTERDAY, main
from benchmarks.scale_keeping_jobs import BACKUPS, KEEPING_JOBS
from models.family import get_family
from registry.records import LoadedModel, ModelVersion

#: Photos of a day, and predictions on record, at size 1.
PHOTOS, PREDICTIONS = 48, 50_000
#: Days that predictions are kept, and when the old ones are from.
KEPT_DAYS, OLD = 60, dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
MODEL = "bench-model"


class FolderRegistry:
    """The one version of a family that was fitted here, as the parts of the platform ask for it."""

    def __init__(self, home: Path, dataset: str, rows: Mapping[str, int]) -> None:
        self._home = home
        created = MIDNIGHT - dt.timedelta(days=1)
        self._known: dict[str, Any] = {"run_id": "bench", "created_at": created, "dataset": dataset}
        self._rows = dict(rows)

    def version(self, family: str, version: str) -> ModelVersion:
        """Whatever is asked for, it is that version."""
        return ModelVersion(family, version, rows=self._rows, production=True, **self._known)

    def load(self, family: str, version: str) -> LoadedModel:
        """The version and its predictor."""
        files = {path.name: path.read_bytes() for path in (self._home / MODEL / family).iterdir()}
        return LoadedModel(get_family(family).load(files), self.version(family, version))

    def close(self) -> None:
        """There is nothing to close."""


def prepare(family: str, size: int) -> int:
    """Everything up to a version that is in a folder, and predictions of viral; rows that it learned from."""
    for job in ("import", "collect the past", "collect", "build"):
        JOBS[job](family, size)
    if family == "viral":
        _predictions(size)
    return _fit(family)


def _fit(family: str) -> int:
    from config.settings import load_settings
    from tasks.training import fit_challenger, load_rows, resolve_dataset

    rows = load_rows.fn(resolve_dataset.fn(family, None), None)
    folder = load_settings().home / MODEL / family
    folder.mkdir(parents=True)
    for name, data in fit_challenger.fn(family, rows, None).to_files().items():
        (folder / name).write_bytes(data)
    return sum(rows.counts.values())


def _registry(parts: Any, family: str) -> FolderRegistry:
    manifest = parts.datasets.find(f"{family}/full")
    return FolderRegistry(parts.settings.home, manifest.ref.name, {"train": manifest.rows})


def lists_ahead(family: str, _size: int) -> int:
    """The lists of everybody who was active lately; users."""
    from tasks.platform import platform
    from tasks.recommendations import refresh

    with platform() as parts:
        model = _registry(parts, family).load(family, "1")
        return int(refresh(parts.engine, parts.settings, model, lambda: MIDNIGHT)["users"])


def _predictions(size: int) -> None:
    """Old ones for retention, and as many of the last week for the monitor."""
    from sqlalchemy import text

    from benchmarks.retention_bench import FILL_PREDICTIONS
    from storage.database import transaction
    from tasks.platform import platform

    with platform() as parts, transaction(parts.engine) as connection:
        for start in (OLD, MIDNIGHT - dt.timedelta(days=7)):
            connection.execute(text(FILL_PREDICTIONS), {"start": start, "rows": PREDICTIONS * size})
        connection.execute(text("analyze predictions"))


def monitor(family: str, _size: int) -> int:
    """A family's day, and keeping what was seen; rows of the dataset that its version learned from."""
    from storage.history import append_promotion
    from tasks import monitor_keeping, monitoring
    from tasks.monitor_plan import plan_monitoring
    from tasks.platform import platform

    at = MIDNIGHT + dt.timedelta(hours=5, minutes=30)
    plan = plan_monitoring(("stats", "drift", "accuracy"), [family], YESTERDAY, at)
    with platform() as parts:
        registry = vars(parts)["registry"] = _registry(parts, family)
        append_promotion(
            parts.engine, family=family, from_version=None, to_version="1", action="promote", actor="bench",
            reason="to be watched", figures={}, at=MIDNIGHT - dt.timedelta(days=1),
        )  # fmt: skip
        seen = monitoring.see_family(parts, family, plan, {}, at)
        if seen.failure or seen.judged is None or not seen.judged.compared:
            raise RuntimeError(f"the day was not judged: {seen.failure}")
        kept = monitor_keeping.keep(parts, [seen], today=plan.today, at=at, run_id=None, watched=())
        if kept.failures:
            raise RuntimeError(str(kept.failures))
        return registry.version(family, "1").rows["train"]


def backup(_family: str, _size: int) -> int:
    """A backup of database and store into a folder; rows of the database."""
    from config.settings import load_settings
    from local.postgres_host import CLIENT, find_programs
    from storage.backups import BackupFolder
    from storage.objects_local import LocalStore
    from tasks.backup import back_up

    settings = load_settings()
    programs = find_programs(settings.postgres_bin, needed=CLIENT).folder
    target = BackupFolder(LocalStore(settings.home / BACKUPS))
    databases = {"platform": settings.db_name}
    return back_up(settings, target, programs=programs, at=dt.datetime.now(dt.UTC), databases=databases).rows


def retention(_family: str, size: int) -> int:
    """Plan what is too old, and delete it; rows that went."""
    os.environ["RETENTION_PREDICTIONS_DAYS"] = str(KEPT_DAYS)
    from tasks.retention import delete_by_retention, plan_retention

    done = delete_by_retention.fn(plan_retention.fn(MIDNIGHT))
    gone = int(done["deleted"]["predictions"])
    if done["left"] or gone != PREDICTIONS * size:
        raise RuntimeError(f"{gone} predictions went: {done}")
    return gone


def upload(_family: str, size: int) -> int:
    """A day's photos where users' backends put them."""
    from config.settings import load_settings
    from demo.face_story import import_photos
    from demo.photos import PhotoSize
    from demo.progress import Progress

    number = PHOTOS * size
    few = PhotoSize(gold_a_class=1, users=20 * size, photos_a_day=number, days=1)
    import_photos(load_settings(), AS_OF, few, Progress())
    return number


FLOW_JOBS = {
    **JOBS, **KEEPING_JOBS, **CONTENT_JOBS, "prepare": prepare, "lists ahead": lists_ahead, "monitor": monitor,
    "backup": backup, "backup again": backup, "retention": retention, "upload": upload,
}  # fmt: skip


if __name__ == "__main__":
    name, about, times = sys.argv[1:]
    for module in ("monitoring", "backup", "retention", "recommendations"):
        __import__(f"tasks.{module}")
    print(json.dumps(main(name, about, int(times), FLOW_JOBS)))
