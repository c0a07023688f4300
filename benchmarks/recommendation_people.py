"""Gowalla's check-ins as interactions of the last days, for benchmarks of the recommendation service."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from benchmarks.recommendation_data import FOLDER
from models.columns import TIME
from models.recommendation.schema import EXAMPLE_SCHEMA

GOWALLA = FOLDER / "gowalla"
#: All interactions lie in this span before the moment of the benchmark.
SPAN = timedelta(days=14)


def gowalla_lists(name: str = "train") -> dict[str, list[str]]:
    """User -> items, as the files have them.

    Raises:
        FileNotFoundError: the data is not there.
    """
    with gzip.open(GOWALLA / f"{name}.txt.gz", "rt") as lines:
        parts = (line.split() for line in lines)
        return {user: items for user, *items in parts if items}


def as_examples(lists: dict[str, list[str]], now: datetime, seed: int) -> pa.Table:
    """Every list as likes at random times of the span before ``now``; the order of a list says nothing."""
    users = np.repeat(np.array(list(lists)), [len(items) for items in lists.values()])
    items = np.concatenate([np.array(items) for items in lists.values()])
    draw = np.random.default_rng(seed)
    ages = draw.integers(60_000_000, int(SPAN.total_seconds() * 1e6), len(users))
    at = int(now.timestamp() * 1e6) - ages
    order = np.argsort(at, kind="stable")
    times = pa.array(at[order], pa.int64()).cast(TIME)
    count = len(order)
    columns = {
        "event_id": pa.array([f"e{number}" for number in range(count)]),
        "user_id": pa.array(users[order]),
        "at": times,
        "known_at": times,
        "item_id": pa.array(items[order]),
        "item_kind": pa.array(["video"] * count),
        "kind": pa.array(["like"] * count),
        "source": pa.array(["gowalla"] * count),
        "split": pa.array(["train"] * count),
    }
    return pa.table(
        {field.name: columns.get(field.name, pa.nulls(count, field.type)) for field in EXAMPLE_SCHEMA},
        schema=EXAMPLE_SCHEMA,
    )


def moment() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)
