"""Building ``full`` of the face family against copying its images one by one, on both stores, and its memory.

Ours is what the monthly flow does: the gold set and a verified month are merged, every photo of the month with
its decision, and published as Parquet parts. The other is an object for each image, copied one after the other:
on S3 by the minio SDK's ``copy_object``, where the server itself copies and no byte travels, and also by
``get_object`` and ``put_object``; in a folder by LocalStore's own ``get`` and ``put``.

``python -c "from benchmarks.face_storage_bench import run; print(run(images=2000))"`` is a small run of it.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from config.settings import Settings, load_settings
from models.face import FAMILY
from storage.datasets.manifest import Manifest
from storage.datasets.merge import Decision, Selection, Source, plan_merge
from storage.datasets.repository import DatasetRepository
from storage.objects import ObjectStore
from storage.objects_local import LocalStore
from storage.objects_s3 import S3Store
from tasks.building import Build, settling, workers_for
from tests.s3_server import ACCESS_KEY, SECRET_KEY, missing_programs, running_s3_server

IMAGE_BYTES = 20_480
BATCH = 500
IMAGES, ON_S3, COPIED = 100_000, 20_000, 2_000
ROUNDS = 3
GOLD_SHARE = 0.2
AT = dt.datetime(2026, 10, 20, tzinfo=dt.UTC)
MONTH = "2026-10"
BUCKET = "bench"


def run(images: int = IMAGES, on_s3: int = ON_S3, copied: int = COPIED) -> list[dict[str, Any]]:
    """Images a second on both stores, and peak memory with all ``images``.

    Args:
        images: in the folder, and for the memory.
        on_s3: on the S3 server.
        copied: so many are copied one by one, to know how long one takes.
    """
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-", dir=os.environ.get("ASSAY_BENCH_DIR")))
    try:
        store = LocalStore(folder / "objects")
        made = _fill(store, images)
        rows = [_row("a folder", store, made, min(copied, images), _copy_local, "LocalStore get and put")]
        shutil.rmtree(folder / "objects")
        rows.append(_memory(folder, images))
        return [*rows, *_on_s3(min(on_s3, images), copied)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on_s3(images: int, copied: int) -> list[dict[str, Any]]:
    missing = missing_programs()
    if missing:
        return [{"figure": "full on S3", "note": f"not measured: {', '.join(missing)} missing"}]
    folder = Path(tempfile.mkdtemp(prefix="s3-"))  # short: a socket's path has at most 107 characters
    try:
        with running_s3_server(folder) as server:
            store = S3Store(server.endpoint, bucket=BUCKET, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
            made = _fill(store, images)
            client = _client(server.endpoint)
            return [
                _row("S3", store, made, copied, partial(_copy_s3, client), "copy_object, in the server"),
                _row("S3", store, made, copied, partial(_move_s3, client), "get_object and put_object"),
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(
    place: str,
    store: ObjectStore,
    made: tuple[Manifest, Manifest],
    copied: int,
    copy: Callable[[ObjectStore, str], None],
    how: str,
) -> dict[str, Any]:
    images = sum(manifest.rows for manifest in made)
    for number in range(copied):
        store.put(f"plain/{number}.jpg", os.urandom(IMAGE_BYTES))
    ours, other = [], []
    for _ in range(ROUNDS):  # in turn, each as often: the machine is not the same from minute to minute
        ours.append(images / _seconds(lambda: build(store, made)))
        _clear(store, ("datasets/face/full/", "metadata/face/full/"))
        other.append(copied / _seconds(lambda: [copy(store, f"{number}.jpg") for number in range(copied)]))
        _clear(store, ("copied/",))
    _clear(store, ("plain/",))
    return {
        "figure": f"build full of {images:,} images of 20 KB, {place}",
        "ours": max(ours),
        "other": max(other),
        "ratio": max(ours) / max(other),
        "unit": "images/s",
        "note": f"other: {copied:,} images one by one, {how}; target 5; best of {ROUNDS} in turn",
    }


def build(store: ObjectStore, made: tuple[Manifest, Manifest]) -> Manifest:
    """``full`` out of a gold set and a verified month, as tasks/building.py plans and publishes it."""
    datasets = DatasetRepository(store)
    sources: list[Source] = [partial(datasets.batches, manifest, ahead=False) for manifest in made]
    skims: list[Source] = [partial(_skim, datasets, manifest) for manifest in made]
    decision = Decision("accept", None, "ada", AT)
    decisions: Mapping[str, Decision] = {_photo(number): decision for number in range(made[1].rows)}
    selection = Selection("flag", decisions, only_decided=True)
    plan = plan_merge(skims, key=FAMILY.key, selection=selection, free=1)
    planned = Build(
        FAMILY, "full", MONTH, made, tuple(sources), tuple(skims), plan, settling(FAMILY, _settings())
    )
    return datasets.publish(
        family="face", stage="full", period=MONTH, schema=FAMILY.schema, batches=planned.rows(),
        made_by="benchmark", label="label", split="split", built_from=[one.ref for one in made],
        details=dict(plan.report), workers=workers_for(FAMILY),
    ).manifest  # fmt: skip


def _skim(datasets: DatasetRepository, manifest: Manifest, columns: Any) -> Iterator[pa.RecordBatch]:
    return datasets.skim(manifest, columns or manifest.columns)


def _fill(store: ObjectStore, images: int) -> tuple[Manifest, Manifest]:
    """The gold set and the verified month."""
    gold = round(images * GOLD_SHARE)
    datasets = DatasetRepository(store)

    def publish(stage: str, period: str, name: Callable[[int], str], count: int) -> Manifest:
        return datasets.publish(
            family="face", stage=stage, period=period, schema=FAMILY.schema, batches=_photos(count, name),
            made_by="benchmark", label="label", split="split",
        ).manifest  # fmt: skip

    return (
        publish("gold", "base", lambda number: f"gold/{number}", gold),
        publish("verified", MONTH, _photo, images - gold),
    )


def _photo(number: int) -> str:
    return f"user-{number % 977}/{number}.jpg"


def _photos(count: int, name: Callable[[int], str]) -> Iterator[pa.RecordBatch]:
    """Examples with random bytes for pictures, which no codec makes smaller."""
    random = np.random.default_rng(7)
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        given: dict[str, list[Any]] = {
            "photo": [name(number) for number in numbers],
            "user_id": [f"user-{number % 977}" for number in numbers],
            "at": [AT for _ in numbers],
            "predicted_class": ["Soft" for _ in numbers],
            "confidence": [0.5 for _ in numbers],
            "probabilities": ['{"Soft": 0.5, "Warm": 0.3, "Serious": 0.2}' for _ in numbers],
            "sha256": [f"{number:064x}" for number in numbers],
            "phash": [number * 7919 for number in numbers],
            "width": [224 for _ in numbers],
            "height": [224 for _ in numbers],
            "label": ["Soft" for _ in numbers],
            "split": ["train" for _ in numbers],
            "image": [random.bytes(IMAGE_BYTES) for _ in numbers],
        }
        columns = [
            pa.array(given.get(field.name, [None] * len(numbers)), field.type) for field in FAMILY.schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=FAMILY.schema)


def _copy_local(store: ObjectStore, name: str) -> None:
    store.put(f"copied/{name}", store.get(f"plain/{name}"))


def _client(endpoint: str) -> Any:
    from minio import Minio

    return Minio(endpoint, ACCESS_KEY, SECRET_KEY, secure=False, region="us-east-1")


def _copy_s3(client: Any, _store: ObjectStore, name: str) -> None:
    from minio.commonconfig import CopySource

    client.copy_object(BUCKET, f"copied/{name}", CopySource(BUCKET, f"plain/{name}"))


def _move_s3(client: Any, _store: ObjectStore, name: str) -> None:
    answer = client.get_object(BUCKET, f"plain/{name}")
    try:
        data = answer.read()
    finally:
        answer.close()
        answer.release_conn()
    client.put_object(BUCKET, f"copied/{name}", io.BytesIO(data), len(data))


def _clear(store: ObjectStore, prefixes: tuple[str, ...]) -> None:
    for prefix in prefixes:
        for info in list(store.list(prefix)):
            store.delete(info.key)


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _settings() -> Settings:
    return load_settings()


def _memory(folder: Path, images: int) -> dict[str, Any]:
    """Peak memory of a process that builds ``full`` of ``images``, in a folder."""
    own = folder / "memory"
    _fill(LocalStore(own), images)
    command = [sys.executable, "-m", "benchmarks.face_storage_bench", str(own)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    shutil.rmtree(own)
    return {
        "figure": f"build full of {images:,} images of 20 KB: peak memory",
        "ours": found["peak_mb"],
        "other": 1024.0,
        "ratio": found["peak_mb"] / 1024.0,
        "unit": "MB",
        "note": f"{found['bytes'] / 1e9:.2f} GB stored, {found['seconds']:.0f} s; the bound is 1 GB",
    }


def _measure(folder: str) -> dict[str, float]:
    """In a process of its own: build, and the peak of its resident memory."""
    store = LocalStore(Path(folder))
    datasets = DatasetRepository(store)
    made = (datasets.find("face/gold"), datasets.find(f"face/verified/{MONTH}"))
    started = time.perf_counter()
    built = build(store, made)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    return {"bytes": built.size, "seconds": time.perf_counter() - started, "peak_mb": int(peak) / 1024}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1])))
