from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pyarrow.compute as pc

from demo.recommendation_world import TASTE, FeedWorld, RecommendationSize, make_feed_world
from models.recommendation import FAMILY

SMALL = RecommendationSize(users=60, authors=20, videos=80, posts=10, new=10, watched=1500, days=14)
NOW = datetime(2026, 11, 20, 18, 25, tzinfo=UTC)
HOUR = NOW.replace(minute=0)


@lru_cache(maxsize=1)
def world() -> FeedWorld:
    return make_feed_world(NOW, 7, SMALL)


def test_the_same_seed_and_hour_make_the_same_world() -> None:
    again = make_feed_world(NOW + timedelta(minutes=20), 7, SMALL)
    assert again.catalogue.equals(world().catalogue)
    assert again.interactions.equals(world().interactions)
    assert not make_feed_world(NOW, 8, SMALL).interactions.equals(world().interactions)


def test_worlds_of_two_hours_have_no_id_in_common() -> None:
    other = make_feed_world(NOW + timedelta(hours=1), 7, SMALL)
    for name in ("id", "user_id", "item_id"):
        mine, theirs = (set(one.interactions[name].drop_null().to_pylist()) for one in (world(), other))
        assert not mine & theirs


def test_nobody_acts_in_the_future_or_on_what_is_not_published_yet() -> None:
    published = dict(
        zip(*(world().catalogue[name].to_pylist() for name in ("item_id", "published_at")), strict=True)
    )
    assert pc.max(world().interactions["at"]).as_py() < HOUR
    for item, at in zip(*(world().interactions[name].to_pylist() for name in ("item_id", "at")), strict=True):
        assert published[item] <= at


def test_an_import_takes_all_of_it_but_the_rows_that_are_wrong_on_purpose() -> None:
    items, no_items = FAMILY.clean(world().catalogue, None, NOW)
    good, bad = FAMILY.clean(world().interactions, None, NOW)
    assert (items.num_rows, no_items) == (world().catalogue.num_rows, [])
    assert len(bad) == 9
    assert good.num_rows == world().interactions.num_rows - 9


def test_two_videos_rise_in_the_last_day_and_one_falls() -> None:
    views = world().interactions.filter(pc.equal(world().interactions["kind"], "view"))
    last = Counter(views.filter(pc.greater_equal(views["at"], HOUR - timedelta(days=1)))["item_id"].to_pylist())
    all_time = Counter(views["item_id"].to_pylist())
    for one in world().rising:
        assert last[one] >= 3 * (all_time[one] - last[one])
    falling = world().falling
    assert 3 * last[falling] <= all_time[falling] - last[falling]


def test_somebody_watches_what_they_like() -> None:
    category = dict(
        zip(*(world().catalogue[name].to_pylist() for name in ("item_id", "category")), strict=True)
    )
    rows = world().interactions.filter(pc.equal(world().interactions["user_id"], world().user))
    seen = Counter(category[item] for item in rows["item_id"].to_pylist())
    assert sum(seen[name] for name in TASTE) > seen.total() / 2
