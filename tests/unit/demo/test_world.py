from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow.compute as pc

from demo.world import WorldSize, make_world

SMALL = WorldSize(creators=20, videos_a_day=4, days=20)
TODAY = date(2026, 11, 20)


def test_the_same_seed_and_day_make_the_same_world() -> None:
    assert make_world(TODAY, 7, SMALL).equals(make_world(TODAY, 7, SMALL))
    assert not make_world(TODAY, 8, SMALL).equals(make_world(TODAY, 7, SMALL))


def test_nothing_in_the_world_lies_in_the_future() -> None:
    world = make_world(TODAY, 7, SMALL)
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    assert pc.max(world["taken_at"]).as_py() < midnight
    assert pc.all(pc.less_equal(world["published_at"], world["taken_at"])).as_py()


def test_the_world_contains_rows_that_an_import_must_set_aside() -> None:
    world = make_world(TODAY, 7, SMALL)
    assert pc.sum(pc.less(world["views"], 0)).as_py() >= 1
    assert pc.sum(pc.equal(world["video_id"], "#NAME?")).as_py() == 3
