"""A small made-up world of videos: growth that slows with age, seen once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from models.viral.examples import build
from models.viral.options import ViralOptions
from models.viral.predictor import ViralPredictor
from models.viral.schema import SNAPSHOT_SCHEMA
from models.viral.split import latest_videos
from models.viral.training import fit

START = datetime(2026, 3, 1, tzinfo=UTC)


def make_snapshots(
    videos: int = 160, days: int = 12, seed: int = 1, every: timedelta = timedelta(days=1)
) -> pa.Table:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(videos):
        published = START + timedelta(hours=float(rng.uniform(0, 24 * 50)))
        first = (published + timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)
        size, pace = rng.lognormal(11.5, 1.8), rng.uniform(0.3, 0.9)
        for day in range(days):
            views = int(size * (1 - pace ** (day + 1)))
            rows.append(
                {
                    "video_id": f"v{number:04d}",
                    "creator_id": f"c{number % 20}",
                    "taken_at": first + day * every,
                    "views": views,
                    "likes": int(views * 0.04),
                    "comments": int(views * 0.003) if number % 3 else None,
                    "published_at": published,
                    "title": f"Video {number}! WATCH this #fyp" if number % 4 else None,
                    "category": str(number % 5),
                }
            )
    return pa.Table.from_pylist(rows, schema=SNAPSHOT_SCHEMA)


@pytest.fixture(scope="session")
def options() -> ViralOptions:
    return ViralOptions()


@pytest.fixture(scope="session")
def snapshots() -> pa.Table:
    return make_snapshots()


@pytest.fixture(scope="session")
def examples(snapshots: pa.Table, options: ViralOptions) -> pa.Table:
    built = build(snapshots, snapshots, options)
    return built.filter(built["label"].is_valid())


@pytest.fixture(scope="session")
def parts(examples: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    rest, test = latest_videos(examples, 0.25)
    return *latest_videos(rest, 0.2), test


@pytest.fixture(scope="session")
def predictor(parts: tuple[pa.Table, pa.Table, pa.Table], options: ViralOptions) -> ViralPredictor:
    return fit(parts[0], parts[1], options, {"trees": 30}, seed=3)
