"""Rows to measure dataset versions with: examples of the viral family, photos, and a table without an end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.settings import load_settings
from demo.world import WorldSize, make_world
from models.family import Window
from models.viral import FAMILY

BATCH_ROWS = 65_536
AS_OF = dt.date(2026, 11, 20)
WORLD = WorldSize(creators=20_000, videos_a_day=1_500, days=92)
PHOTO_BYTES = 20_480
PHOTOS_A_BATCH = 1_000
PHOTO_SCHEMA = pa.schema(
    [("id", pa.string()), ("image", pa.binary()), ("label", pa.string()), ("split", pa.string())]
)
TABLE_SCHEMA = pa.schema(
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


def examples(size: WorldSize = WORLD) -> list[pa.RecordBatch]:
    """Examples of the viral family as its ``collect`` makes them of the sample world."""
    snapshots, _ = FAMILY.clean(make_world(AS_OF, 7, size), None, None)
    end = dt.datetime.combine(AS_OF, dt.time(), dt.UTC)
    window = Window(end - dt.timedelta(days=size.days), end)
    made = FAMILY.collect({"snapshots": snapshots}, window, FAMILY.options(load_settings()))
    batches: list[pa.RecordBatch] = made.combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
    return batches


def photos(count: int, seed: int = 7) -> Iterator[pa.RecordBatch]:
    """Batches of rows with a photo each: random bytes, which no codec makes smaller."""
    random = np.random.default_rng(seed)
    rows = PHOTOS_A_BATCH
    ends = np.arange(rows + 1, dtype=np.int32) * PHOTO_BYTES
    for turn in range(count):
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(random.bytes(rows * PHOTO_BYTES))]
        columns = [
            pa.array([f"{turn}-{number}" for number in range(rows)]),
            pa.Array.from_buffers(pa.binary(), rows, buffers),
            pa.array(["yes", "no"]).take(pa.array(random.choice(2, rows))),
            pa.array(["train", "valid", "test"]).take(pa.array(random.choice(3, rows, p=[0.7, 0.15, 0.15]))),
        ]
        yield pa.record_batch(columns, schema=PHOTO_SCHEMA)


def table(count: int, seed: int = 7) -> Iterator[pa.RecordBatch]:
    """``count`` batches of rows, all different and no easier to compress than real ones."""
    random = np.random.default_rng(seed)
    rows = BATCH_ROWS
    words = pa.array(
        ["funny", "dance", "recipe", "review", "how to", "live", "cat", "travel", "news", "day in a life"]
    )
    for turn in range(count):
        number = np.arange(turn * rows, (turn + 1) * rows)
        columns: list[Any] = [
            _texts("v", random.integers(0, 1 << 48, rows)),
            _texts("c", random.integers(0, 50_000, rows)),
            pa.array(1_700_000_000_000_000 + number * 1_000_003, pa.timestamp("us", "UTC")),
            *(random.lognormal(6 + column / 2, 2, rows).astype(np.int64) for column in range(8)),
            *(random.random(rows) for _ in range(4)),
            pc.binary_join_element_wise(
                *(words.take(pa.array(random.integers(0, len(words), rows))) for _ in range(4)), " "
            ),
            pa.array(["low", "medium", "high", "ultra"]).take(
                pa.array(random.choice(4, rows, p=[0.7, 0.2, 0.08, 0.02]))
            ),
            pa.array(["train", "valid", "test"]).take(pa.array(random.choice(3, rows, p=[0.7, 0.15, 0.15]))),
        ]
        yield pa.record_batch(columns, schema=TABLE_SCHEMA)


def _texts(letter: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")
