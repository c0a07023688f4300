"""Training of families with heavy rows: streams, checkpoints, progress, and several devices at once."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from config.errors import AssayError, TrainingError
from config.settings import Settings
from models.family import Family, Predictor
from models.streams import RowStream
from models.training_context import TrainingContext
from storage.checkpoints import StoredCheckpoints, drop_abandoned
from storage.datasets.manifest import Manifest
from storage.objects import open_store
from tasks.options import cache_bytes_of, devices_of, options_of
from tasks.platform import Platform, platform
from tasks.runtime import now
from tasks.training_rows import RoleRows, check_rows, check_schema, newest

#: Goes up when a training of the same rows, parameters and seed gives another model than before.
TRAINER = 2
FILES, PROBLEM = "files", "problem.json"
_ROOT = Path(__file__).parents[1]
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
Say = Callable[[str], None]


def stream_rows(parts: Platform, manifest: Manifest, family: Family, limit: int | None) -> RoleRows:
    """The version's rows by role as streams, checked; only their light columns are in memory."""
    light = [column.name for column in family.schema if column.name not in family.heavy]
    present = [name for name in light if name in manifest.columns]
    table = parts.datasets.table(manifest, present)
    stored = {column.name: column.type for column in manifest.schema}
    heavy = [family.schema.field(name) for name in family.heavy]
    schema = pa.schema(
        [*table.schema, *(field for field in heavy if stored.get(field.name) == str(field.type))]
    )
    check_schema(schema, family, manifest.ref.name)
    stream = RowStream(table, lambda: _passed(manifest))
    train, valid, test = family.training_rows(stream, family.options(parts.settings))
    train, valid = newest(train, valid, time=family.time, limit=limit)
    rows = RoleRows(train, valid, test, manifest.ref.name, manifest.ref.sha256, limit)
    check_rows(rows, family)
    return rows


def fit_heavy(family: Family, rows: RoleRows, params: Mapping[str, Any], settings: Settings) -> Predictor:
    """A model fitted to streams, from its last checkpoint on where an earlier run was killed."""
    say = _voice()
    drop_abandoned(open_store(settings), family.name, now())
    devices = devices_of(family.name, settings)
    if len(devices) > 1:
        return _fit_together(family, rows, params, devices, say)
    context = context_of(family, rows, params, settings, devices, say=say)
    return family.fit(
        rows.train, rows.valid, options_of(family, settings), params, settings.training_seed, context=context
    )


def context_of(
    family: Family,
    rows: RoleRows,
    params: Mapping[str, Any],
    settings: Settings,
    devices: list[str],
    *,
    say: Say,
    rank: int = 0,
) -> TrainingContext:
    """Surroundings of a fit on ``devices[rank]``."""
    return TrainingContext(
        say=say,
        checkpoints=checkpoints_of(family, rows, params, settings),
        device=devices[rank],
        cache_bytes=cache_bytes_of(family.name, settings) // len(devices),
        rank=rank,
        world=len(devices),
    )


def checkpoints_of(
    family: Family, rows: RoleRows, params: Mapping[str, Any], settings: Settings
) -> StoredCheckpoints:
    """Where this training keeps its progress: whatever changes its result gives it another place."""
    options = options_of(family, settings)
    assets = getattr(options, "assets", {})
    facts = {
        "trainer": TRAINER,
        "dataset": rows.dataset_sha256,
        "limit": rows.limit,
        "params": dict(params),
        "seed": settings.training_seed,
        "options": options.describe(),
        "assets": {name: hashlib.sha256(data).hexdigest() for name, data in assets.items()},
        "world": len(devices_of(family.name, settings)),
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]
    return StoredCheckpoints(open_store(settings), family.name, key)


def _passed(manifest: Manifest) -> Iterator[pa.RecordBatch]:
    """A pass over the version's rows, with a connection of its own that ends with it."""
    with platform() as parts:
        yield from parts.datasets.batches(manifest)


def _voice() -> Say:
    """Into the log of the running task, or the process's own outside one."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        logger: Any = get_run_logger()
    except MissingContextError:
        logger = logging.getLogger(__name__)
    return lambda text: logger.info("%s", text)


def _fit_together(
    family: Family,
    rows: RoleRows,
    params: Mapping[str, Any],
    devices: list[str],
    say: Say,
) -> Predictor:
    """Fit in one process a device, which torchrun starts (see ``tasks.torch_worker``)."""
    say(f"training on {', '.join(devices)} together")
    with tempfile.TemporaryDirectory(prefix="assay-training-") as name:
        folder = Path(name)
        job = {
            "family": family.name,
            "dataset": rows.dataset,
            "dataset_sha256": rows.dataset_sha256,
            "limit": rows.limit,
            "params": dict(params),
        }
        (folder / "job.json").write_text(json.dumps(job))
        last = _run_workers(len(devices), folder, say)
        problem = folder / PROBLEM
        if problem.exists():
            told = json.loads(problem.read_text())
            raise TrainingError(told["message"], hint=told["hint"])
        if not (folder / FILES).is_dir():
            raise TrainingError(f"The processes that train together broke off: {last}")
        return family.load({path.name: path.read_bytes() for path in (folder / FILES).iterdir()})


def _run_workers(count: int, folder: Path, say: Say) -> str:
    """Run the workers to their end, and say what they say; gives the last lines of their errors."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    with (folder / "errors.log").open("w+b") as errors:
        process = subprocess.Popen(
            [*command, "-m", "tasks.torch_worker", str(folder)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
            preexec_fn=_end_with_parent(),
        )
        try:
            assert process.stdout is not None  # noqa: S101 - asked for above
            for line in process.stdout:
                say(line.rstrip())
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        errors.seek(0)
        return errors.read().decode(errors="replace").strip()[-2000:]


def _end_with_parent() -> Callable[[], None] | None:
    """What makes the kernel end a child whose parent was killed, on Linux."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)  # loaded here: between fork and exec hardly anything is safe

    def ask() -> None:
        library.prctl(_DEATH_SIGNAL, signal.SIGTERM)

    return ask


def describe(error: AssayError) -> str:
    """An error as a worker leaves it for the process that started it."""
    return json.dumps({"message": error.message, "hint": error.hint})
