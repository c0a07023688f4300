"""Rows and shorthands that the tests of dataset versions share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from storage.datasets import DatasetRepository, Published

SCHEMA = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("taken_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("views", pa.int64()),
        pa.field("label", pa.string()),
        pa.field("split", pa.string()),
    ]
)
CLASSES = ("low", "medium", "high", "ultra")
KEY = ("video_id", "taken_at")


def rows(count: int, first: int = 0) -> pa.Table:
    """Rows ``first`` to ``first + count`` of an endless table; the same number is always the same row."""
    number = np.arange(first, first + count)
    return pa.table(
        {
            "video_id": [f"video-{n:07d}" for n in number],
            "taken_at": pa.array(1_700_000_000_000_000 + number * 1_000_000, pa.timestamp("us", "UTC")),
            "views": pa.array([None if n % 11 == 0 else int(n) * 7919 % 3_000_000 for n in number], pa.int64()),
            "label": [CLASSES[n * 31 % 4] for n in number],
            "split": ["test" if n % 5 == 0 else "train" for n in number],
        },
        schema=SCHEMA,
    )


def publish(repository: DatasetRepository, table: pa.Table, *, cut: int = 1000, **options: Any) -> Published:
    """Publish ``table``, by default as viral/full/2026-10."""
    given = {"family": "viral", "stage": "full", "period": "2026-10", "made_by": "tests"} | options
    return repository.publish(
        schema=table.schema, batches=table.to_batches(max_chunksize=cut), label="label", split="split", **given
    )
