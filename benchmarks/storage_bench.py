"""Dataset versions against the raw store's own copy of the same bytes, and the memory that they take.

``run()`` gives rows of figures. The rows of data are like those of the viral family: keys, times, counts,
shares, titles and labels. ``python -c "from benchmarks.storage_bench import memory; print(memory(5.0))"``
measures the memory with 5 GB.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from storage.datasets import DatasetRepository, Manifest
from storage.objects import ObjectStore
from storage.objects_local import LocalStore

BATCH_ROWS = 65_536
ROUNDS = 3
READ_BYTES = 1 << 20
SPEED_BATCHES = 64  # about 0.65 GB of rows
SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("creator_id", pa.string()),
        ("taken_at", pa.timestamp("us", "UTC")),
        *((f"count_{number}", pa.int64()) for number in range(8)),
        *((f"share_{number}", pa.float64()) for number in range(4)),
        ("title", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
    ]
)


def run() -> list[dict[str, Any]]:
    """Write and read speed in MB/s of stored bytes, and peak memory with 1 GB."""
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-", dir=os.environ.get("ASSAY_BENCH_DIR")))
    try:
        return [*speed(LocalStore(folder / "objects"), "folder"), *memory(1.0, folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def speed(store: ObjectStore, name: str) -> list[dict[str, Any]]:
    """Write and read of a version against the store's own copy of the same bytes; medians of a few rounds.

    The store's own copy is an object read from it and put back under another key, safe on the disk, as any
    client would copy a version. The rows without a target say what each way costs against less than a copy: a
    put of bytes that are in memory, and a read that goes to an unflushed file.
    """
    batches = list(sample(SPEED_BATCHES))
    repository = DatasetRepository(store)
    manifest = publish(repository, batches, "2026-01")
    parts = [store.get(part.key) for part in manifest.parts]
    seconds: dict[str, list[float]] = defaultdict(list)

    def measure(what: str, action: Callable[[], object], *, cold: bool = False) -> None:
        if cold:
            forget_cache(store)
        started = time.perf_counter()
        action()
        seconds[what].append(time.perf_counter() - started)

    with tempfile.NamedTemporaryFile(dir=os.environ.get("ASSAY_BENCH_DIR")) as file:
        for turn in range(ROUNDS):
            measure("publish", partial(publish, repository, batches, f"2026-{turn + 2:02d}"))
            measure("put", partial(put_all, store, parts, turn))
            for cold in (True, False):
                measure(f"drain {cold}", partial(drain, repository, manifest), cold=cold)
                measure(f"out {cold}", partial(copy_out, store, manifest, Path(file.name)), cold=cold)
            measure("copy", partial(copy_inside, store, manifest, turn))
    size = manifest.size / 1e6
    speeds = {what: size / statistics.median(taken) for what, taken in seconds.items()}
    return [
        row(f"dataset write ({name})", speeds, "publish", "copy", "the store's own copy, target 0.5", size),
        row(f"dataset read ({name})", speeds, "drain False", "copy", "the store's own copy, target 0.5", size),
        row(f"dataset write ({name})", speeds, "publish", "put", "put of the bytes in memory, no target", size),
        row(
            f"dataset read, cold ({name})", speeds, "drain True", "out True", "read to a file, no target", size
        ),
        row(
            f"dataset read, warm ({name})",
            speeds,
            "drain False",
            "out False",
            "read to a file, no target",
            size,
        ),
    ]


def memory(gigabytes: float, folder: Path | None = None) -> list[dict[str, Any]]:
    """Peak memory of a process that writes, and of one that reads, a version of that many GB."""
    own = Path(tempfile.mkdtemp(prefix="assay-bench-", dir=folder or os.environ.get("ASSAY_BENCH_DIR")))
    try:
        rows = []
        for what in ("write", "read"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.storage_bench",
                what,
                str(own / "objects"),
                str(gigabytes),
            ]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            note = f"{found['bytes'] / 1e9:.2f} GB stored, {found['rows']:,} rows, {found['seconds']:.0f} s"
            rows.append(
                {
                    "figure": f"dataset version {what}: peak memory",
                    "ours": found["peak_mb"],
                    "other": 1024.0,
                    "ratio": found["peak_mb"] / 1024.0,
                    "unit": "MB",
                    "note": f"{note}; the bound is 1 GB",
                }
            )
        return rows
    finally:
        shutil.rmtree(own, ignore_errors=True)


def sample(count: int, seed: int = 7) -> Iterator[pa.RecordBatch]:
    """``count`` batches of rows, all different and no easier to compress than real ones."""
    random = np.random.default_rng(seed)
    rows = BATCH_ROWS
    words = pa.array(
        ["funny", "dance", "recipe", "review", "how to", "live", "cat", "travel", "news", "day in a life"]
    )
    for turn in range(count):
        number = np.arange(turn * rows, (turn + 1) * rows)
        columns: list[Any] = [
            texts("v", random.integers(0, 1 << 48, rows)),
            texts("c", random.integers(0, 50_000, rows)),
            pa.array(1_700_000_000_000_000 + number * 1_000_003, pa.timestamp("us", "UTC")),
            *(random.lognormal(6 + column / 2, 2, rows).astype(np.int64) for column in range(8)),
            *(random.random(rows) for _ in range(4)),
            pa.compute.binary_join_element_wise(
                *(words.take(pa.array(random.integers(0, len(words), rows))) for _ in range(4)), " "
            ),
            pa.array(["low", "medium", "high", "ultra"]).take(
                pa.array(random.choice(4, rows, p=[0.7, 0.2, 0.08, 0.02]))
            ),
            pa.array(["train", "valid", "test"]).take(pa.array(random.choice(3, rows, p=[0.7, 0.15, 0.15]))),
        ]
        yield pa.record_batch(columns, schema=SCHEMA)


def texts(letter: str, numbers: np.ndarray) -> pa.Array:
    return pa.compute.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")


def publish(repository: DatasetRepository, batches: Any, period: str) -> Manifest:
    return repository.publish(
        family="viral",
        stage="full",
        period=period,
        schema=SCHEMA,
        batches=batches,
        made_by="benchmark",
        label="label",
        split="split",
    ).manifest


def put_all(store: ObjectStore, parts: list[bytes], turn: int) -> None:
    for number, part in enumerate(parts):
        store.put(f"raw/{turn}/{number}", part)


def copy_inside(store: ObjectStore, manifest: Manifest, turn: int) -> None:
    """The store's own copy of the version."""
    for number, part in enumerate(manifest.parts):
        with store.open(part.key) as file:
            store.put(f"copy/{turn}/{number}", file)


def copy_out(store: ObjectStore, manifest: Manifest, target: Path) -> None:
    """Every byte of the version in a file."""
    with target.open("wb") as sink:
        for part in manifest.parts:
            with store.open(part.key) as file:
                shutil.copyfileobj(file, sink, READ_BYTES)


def drain(repository: DatasetRepository, manifest: Manifest) -> int:
    return sum(batch.num_rows for batch in repository.batches(manifest))


def forget_cache(store: ObjectStore) -> None:
    """Have the system forget what it keeps of the store's files in memory."""
    if isinstance(store, LocalStore):
        for info in store.list():
            with store.open(info.key) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def row(
    figure: str, speeds: dict[str, float], ours: str, other: str, against: str, size: float
) -> dict[str, Any]:
    return {
        "figure": figure,
        "ours": speeds[ours],
        "other": speeds[other],
        "ratio": speeds[ours] / speeds[other],
        "unit": "MB/s",
        "note": f"{size:.0f} MB stored; other: {against}",
    }


def _measure_memory(what: str, folder: str, gigabytes: float) -> dict[str, float]:
    """In a process of its own: write or read, and the peak of its resident memory."""
    import resource

    repository = DatasetRepository(LocalStore(Path(folder)))
    started = time.perf_counter()
    if what == "write":
        stored_per_batch = 7.0e6
        manifest = publish(repository, sample(round(gigabytes * 1e9 / stored_per_batch)), "2026-01")
        rows = manifest.rows
    else:
        manifest = repository.find("viral")
        rows = drain(repository, manifest)
    return {
        "rows": rows,
        "bytes": manifest.size,
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure_memory(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
