"""Rows by which two versions are compared, of a family whose questions are about what users do next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine

from config.settings import Settings
from models.family import get_family
from models.recommendation.schema import EXAMPLE_SCHEMA
from registry.records import ModelVersion
from storage.datasets.repository import DatasetRepository
from tasks.live_rows import measure_both, rows_since
from tasks.platform import Platform
from tests.recommendation_board_world import world_items
from tests.recommendation_model_world import NOW, event_rows, item_row, tiny_recommender

FAMILY = get_family("recommendation")
DAY = dt.timedelta(days=1)
PROMOTED = NOW + 4 * DAY


def publish(datasets: DatasetRepository, stage: str, period: str, rows: Sequence[dict[str, Any]]) -> str:
    batches = pa.Table.from_pylist(list(rows), schema=EXAMPLE_SCHEMA).to_batches()
    return datasets.publish(
        family="recommendation", stage=stage, period=period, schema=EXAMPLE_SCHEMA, batches=batches,
        made_by="tests", label=FAMILY.label, split="split",
    ).manifest.name  # fmt: skip


def later_events(seed: int, days: int) -> list[dict[str, Any]]:
    """What the same users do ``days`` later."""
    moved = {"at", "known_at"}
    return [
        {name: value + days * DAY if name in moved else value for name, value in row.items()}
        | {"event_id": f"{seed}-{row['event_id']}"}
        for row in event_rows(seed)
    ]


def test_questions_show_all_that_was_known_of_a_user_and_are_news_to_both(
    settings: Settings, engine: Engine
) -> None:
    parts = Platform(settings)
    old = event_rows()
    names = [
        publish(parts.datasets, "full", month, [*map(item_row, world_items()), *rows])
        for month, rows in (("2026-09", old[:200]), ("2026-10", old))
    ]
    new = [*later_events(11, 6), *later_events(12, 12)]
    for day in sorted({row["at"].date() for row in new}):
        publish(parts.datasets, "candidates", f"{day}", [row for row in new if row["at"].date() == day])

    versions = [
        ModelVersion("recommendation", f"{at}", "run", NOW, dataset=name) for at, name in enumerate(names)
    ]
    live = rows_since(parts, FAMILY, PROMOTED, NOW + 12 * DAY, versions)

    assert live is not None
    asked = live.to_pylist()
    assert len({one["user_id"] for one in asked}) > 20
    for one in asked:
        assert one["at"] > PROMOTED
        before = [row for row in [*old, *new] if row["user_id"] == one["user_id"] and row["at"] < one["at"]]
        before.sort(key=lambda row: row["at"], reverse=True)
        assert one["history_items"] == [row["item_id"] for row in before]
        assert len(before) > 12
    both = measure_both(parts, FAMILY, tiny_recommender(), tiny_recommender(), live)
    assert len(both.champion) == len(asked)
    parts.close()


def test_before_anything_is_asked_since_the_promotion_there_is_nothing_to_judge_by(
    settings: Settings, engine: Engine
) -> None:
    parts = Platform(settings)
    rows = [*map(item_row, world_items()), *event_rows()]
    version = ModelVersion(
        "recommendation", "1", "run", NOW, dataset=publish(parts.datasets, "full", "2026-10", rows)
    )
    new = later_events(11, 6)
    for day in sorted({row["at"].date() for row in new}):
        publish(parts.datasets, "candidates", f"{day}", [row for row in new if row["at"].date() == day])

    assert rows_since(parts, FAMILY, NOW + 6 * DAY, NOW + 7 * DAY, [version]) is None
    parts.close()
