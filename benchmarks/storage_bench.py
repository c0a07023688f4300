"""Dataset versions against the raw store's own copy of the same bytes, and the memory that they take.

``run()`` gives rows of figures for two kinds of rows: examples of the viral family as the family itself makes
them of the sample world, and photos of 20 KB. Bytes are counted in two ways, each the same on both sides:

- rows' bytes: what the rows take as plain Arrow. The store copies objects that hold just that. It is what a
  user has to move.
- stored bytes: what the version takes in the store. The store copies the version's own objects. The better a
  version compresses, the fewer bytes the same work is counted as.

``python -c "from benchmarks.storage_bench import memory; print(memory(5.0))"`` measures memory with 5 GB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.storage_data import PHOTO_SCHEMA, TABLE_SCHEMA, examples, photos, table
from storage.datasets import DatasetRepository, Manifest
from storage.datasets.chunking import row_groups
from storage.datasets.encoding import encode
from storage.objects import ObjectStore
from storage.objects_local import LocalStore

ROUNDS = 5
TIMES = 3  # the examples, over and over: some 0.8 GB of rows
PHOTO_BATCHES = 52
WRITTEN = ("copy/", "datasets/viral/full/2026-02/", "metadata/viral/full/2026-02")
BATCHES_AN_OBJECT = 6  # some 128 MB
#: what the memory is measured with: batches, their schema, and the bytes that a batch takes in the store
KINDS: dict[str, tuple[Callable[[int], Iterator[pa.RecordBatch]], pa.Schema, float]] = {
    "table": (table, TABLE_SCHEMA, 5.7e6),
    "photos": (photos, PHOTO_SCHEMA, 20.6e6),
}


def _peak_mb() -> float:
    """Peak resident memory of this process. Not getrusage's: that is inherited from the parent by exec."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def run() -> list[dict[str, Any]]:
    """Write and read speed in MB/s, and peak memory with 1 GB stored."""
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-", dir=os.environ.get("ASSAY_BENCH_DIR")))
    try:
        rows = []
        for kind, batches in (("examples", examples() * TIMES), ("photos", list(photos(PHOTO_BATCHES)))):
            rows += speed(LocalStore(folder / kind), kind, batches)
            shutil.rmtree(folder / kind)
        return [*rows, *memory(5.0, folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def speed(store: ObjectStore, kind: str, batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    """Write and read of a version against the store's own copy; the best of a few rounds, all in turn.

    The store's own copy is an object read from it and put back under another key, safe on the disk, as any
    client would copy a version.
    """
    repository = DatasetRepository(store)
    manifest = publish(repository, batches, "2026-01")
    put_plain(store, batches)
    seconds: dict[str, float] = {}

    def measure(what: str, action: Callable[[], object]) -> None:
        started = time.perf_counter()
        action()
        seconds[what] = min(seconds.get(what, float("inf")), time.perf_counter() - started)
        for prefix in WRITTEN:  # every round finds the disk and the system's cache as the one before did
            for info in list(store.list(prefix)):
                store.delete(info.key)

    for _ in range(ROUNDS):
        measure("write", partial(publish, repository, batches, "2026-02"))
        measure("copy rows", partial(copy, store, "plain/"))
        measure("read", partial(drain, repository, manifest))
        measure("copy stored", partial(copy, store, "datasets/viral/full/2026-01/"))
        measure("encode", partial(encode_alone, batches))
    plain = sum(batch.nbytes for batch in batches) / 1e6
    stored = manifest.size / 1e6
    held = (
        f"{manifest.rows:,} rows, {plain:.0f} MB as Arrow, {manifest.size / manifest.rows:,.0f} B a row stored"
    )

    def row(figure: str, ours: str, other: str, size: float, note: str) -> dict[str, Any]:
        return {
            "figure": f"dataset {figure}, {kind}",
            "ours": size / seconds[ours],
            "other": size / seconds[other],
            "ratio": seconds[other] / seconds[ours],
            "unit": "MB/s",
            "note": f"{note}; other: the store's own copy",
        }

    return [
        row("write", "write", "copy rows", plain, f"rows' bytes, target 0.5; {held}"),
        row("read", "read", "copy rows", plain, "rows' bytes, target 0.5"),
        row("write, stored", "write", "copy stored", stored, "stored bytes, target 0.5"),
        row("read, stored", "read", "copy stored", stored, "stored bytes, target 0.5"),
        row("encoding alone", "encode", "copy stored", stored, "stored bytes, one thread, nothing put"),
    ]


def memory(gigabytes: float, folder: Path | None = None) -> list[dict[str, Any]]:
    """Peak memory of a process that writes, and of one that reads, a version of that many GB, of each kind."""
    rows = []
    for kind in KINDS:
        own = Path(tempfile.mkdtemp(prefix="assay-bench-", dir=folder or os.environ.get("ASSAY_BENCH_DIR")))
        try:
            rows += [_memory(what, kind, own / "objects", gigabytes) for what in ("write", "read")]
        finally:
            shutil.rmtree(own, ignore_errors=True)
    return rows


def _memory(what: str, kind: str, folder: Path, gigabytes: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.storage_bench", what, kind, str(folder), str(gigabytes)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    note = f"{found['bytes'] / 1e9:.2f} GB stored, {found['rows']:,} rows, {found['seconds']:.0f} s"
    return {
        "figure": f"dataset version {what}, {kind}: peak memory",
        "ours": found["peak_mb"],
        "other": 1024.0,
        "ratio": found["peak_mb"] / 1024.0,
        "unit": "MB",
        "note": f"{note}; the bound is 1 GB",
    }


def publish(
    repository: DatasetRepository, batches: Any, period: str, schema: pa.Schema | None = None
) -> Manifest:
    return repository.publish(
        family="viral",
        stage="full",
        period=period,
        schema=schema or batches[0].schema,
        batches=batches,
        made_by="benchmark",
        label="label",
        split="split",
    ).manifest


def put_plain(store: ObjectStore, batches: list[pa.RecordBatch]) -> None:
    """The rows as they are in memory."""
    for number, start in enumerate(range(0, len(batches), BATCHES_AN_OBJECT)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batches[0].schema) as writer:
            for batch in batches[start : start + BATCHES_AN_OBJECT]:
                writer.write_batch(batch)
        store.put(f"plain/{number}", memoryview(sink.getvalue()))


def copy(store: ObjectStore, prefix: str) -> None:
    """The store's own copy of the objects under ``prefix``."""
    for info in list(store.list(prefix)):
        with store.open(info.key) as file:
            store.put(f"copy/{info.key}", file)


def encode_alone(batches: list[pa.RecordBatch]) -> None:
    """All that a write does to the rows before it hashes and puts them, in one thread."""
    schema = batches[0].schema
    for group in row_groups(batches, schema):
        encode(deque([group.rows]), schema)


def drain(repository: DatasetRepository, manifest: Manifest) -> int:
    return sum(batch.num_rows for batch in repository.batches(manifest))


def _measure_memory(what: str, kind: str, folder: str, gigabytes: float) -> dict[str, float]:
    """In a process of its own: write or read, and the peak of its resident memory."""

    repository = DatasetRepository(LocalStore(Path(folder)))
    started = time.perf_counter()
    if what == "write":
        make, schema, stored = KINDS[kind]
        manifest = publish(repository, make(round(gigabytes * 1e9 / stored)), "2026-01", schema)
        rows = manifest.rows
    else:
        manifest = repository.find("viral")
        rows = drain(repository, manifest)
    return {
        "rows": rows,
        "bytes": manifest.size,
        "seconds": time.perf_counter() - started,
        "peak_mb": _peak_mb(),
    }


if __name__ == "__main__":
    what, kind, folder, gigabytes = sys.argv[1:]
    sys.stdout.write(json.dumps(_measure_memory(what, kind, folder, float(gigabytes))))
