"""The sample world of a feed in a real database: its trends are found as they were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from config.settings import Settings
from demo.recommendation_world import make_feed_world
from models.recommendation import FAMILY
from storage.trending import top
from tasks.importing import import_file
from tasks.trending import refresh


@pytest.mark.parametrize("hour", [2, 14])
def test_what_rises_and_falls_is_found_among_the_first_fifty(
    engine: Engine, settings: Settings, tmp_path: Path, hour: int
) -> None:
    now = datetime(2026, 11, 20, hour, 50, tzinfo=UTC)
    world = make_feed_world(now)
    for name, table in (("catalogue", world.catalogue), ("interactions", world.interactions)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        import_file(engine, FAMILY, tmp_path / f"{name}.parquet", None, as_of=now)
    for later in (timedelta(), timedelta(hours=2)):
        refresh(engine, settings, now + later)
        found = {one.item_id: one.direction for one in top(engine, window="24h", kind="video", limit=50)}
        assert [found.get(one) for one in world.rising] == ["rising", "rising"]
        assert found.get(world.falling) == "falling"
