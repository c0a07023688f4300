"""Snapshots by COPY: exact, repeatable, the same in whatever order and by however many at once."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from config.errors import DatabaseError, InputError
from storage.bulk import Loaded, load_snapshots, snapshot_load
from storage.database import transaction
from storage.snapshot_schema import DESCRIPTION, SNAPSHOTS, TIME
from storage.sources.viral import read

DAY = datetime(2026, 3, 1, tzinfo=UTC)
FOREVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
whole_numbers = st.integers(0, 2**63 - 1) | st.none()
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20) | st.none()
times = (
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)) | st.none()
)


def on_day(day: int, video: str = "v1", **values: object) -> dict[str, object]:
    return {"video_id": video, "taken_at": DAY + timedelta(days=day), "views": 100 + day, **values}


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=pa.schema([(field.name, field.type) for field in SNAPSHOTS]))


def many(videos: int, days: int) -> pa.Table:
    rows = [
        on_day(day, f"v{v}", creator_id=f"c{v % 7}", title=f"video {v}")
        for v in range(videos)
        for day in range(days)
    ]
    return table(*rows)


def stored(engine: Engine) -> list[dict[str, object]]:
    return read(engine, *FOREVER)["snapshots"].to_pylist()


def test_loading_twice_changes_nothing(engine: Engine) -> None:
    rows = many(50, 4)
    assert load_snapshots(engine, rows) == Loaded(inserted=200, updated=0, unchanged=0)
    first = stored(engine)
    assert load_snapshots(engine, rows) == Loaded(inserted=0, updated=0, unchanged=200)
    assert stored(engine) == first


def test_no_rows_are_no_work(engine: Engine) -> None:
    assert load_snapshots(engine, table()) == Loaded(0, 0, 0)


def test_imports_of_the_same_rows_at_once_end_with_exact_counts(engine: Engine) -> None:
    rows = many(300, 5)
    start = threading.Barrier(4)

    def load(seed: int) -> Loaded:
        order = random.Random(seed).sample(range(rows.num_rows), rows.num_rows)
        start.wait()
        return load_snapshots(engine, rows.take(order))

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(load, range(4)))
    assert sum(each.inserted for each in done) == 1500
    assert sum(each.updated for each in done) == 0
    assert sum(each.unchanged for each in done) == 4500
    assert len(stored(engine)) == 1500


def test_of_two_rows_of_one_video_and_time_the_later_one_wins_and_it_is_told(engine: Engine) -> None:
    with snapshot_load(engine) as load:
        load.add(table(on_day(0, views=5), on_day(1), on_day(0, views=6)))
        load.add(table(on_day(0, views=7)))
        assert load.finish() == Loaded(inserted=2, updated=0, unchanged=0, repeated=2)
    assert [row["views"] for row in stored(engine)] == [7, 101]


def test_a_new_value_replaces_and_a_missing_one_does_not_wipe_out(engine: Engine) -> None:
    load_snapshots(engine, table(on_day(0, likes=3, shares=4)))
    assert load_snapshots(engine, table(on_day(0, likes=5))) == Loaded(0, 1, 0)
    (row,) = stored(engine)
    assert (row["likes"], row["shares"], row["comments"]) == (5, 4, None)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_each_field_is_that_of_the_earliest_day_that_has_it_in_whatever_order_days_arrive(
    engine: Engine, order: tuple[int, ...]
) -> None:
    days = [on_day(0), on_day(1, title="before", creator_id="c1"), on_day(2, title="after", language="en")]
    for day in order:
        load_snapshots(engine, table(days[day]))
    rows = stored(engine)
    assert [row["title"] for row in rows] == [None, "before", "before"]
    assert [row["creator_id"] for row in rows] == [None, "c1", "c1"]
    assert [row["language"] for row in rows] == [None, None, "en"]
    assert {row["first_seen_at"] for row in rows} == {DAY}


@pytest.mark.parametrize("field", [name for name in DESCRIPTION.names if name != "title"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_field_known_early_keeps_out_no_title_that_comes_later(
    engine: Engine, field: str, order: tuple[int, int]
) -> None:
    value = {pa.string(): "x", pa.bool_(): False, TIME: DAY}.get(DESCRIPTION.field(field).type, 7)
    days = [on_day(0, **{field: value}), on_day(1, title="kept")]
    for day in order:
        load_snapshots(engine, table(days[day]))
    assert [(row[field], row["title"]) for row in stored(engine)] == [(value, None), (value, "kept")]


def test_a_description_can_be_completed_and_corrected_by_the_same_snapshot(engine: Engine) -> None:
    load_snapshots(engine, table(on_day(0, title="one", country="DE")))
    load_snapshots(engine, table(on_day(0, video_duration=12.5, country="FR"), on_day(1, country="IT")))
    (row, _) = stored(engine)
    assert (row["title"], row["country"], row["video_duration"]) == ("one", "FR", 12.5)


def described(arrived: list[dict[str, object]], video: object, at: datetime) -> list[object]:
    """What is known of ``video`` at ``at`` after ``arrived``, by the rule as one would say it."""
    fields: list[object] = []
    for name in DESCRIPTION.names:
        having = [row for row in arrived if row["video_id"] == video and row.get(name) is not None]
        since = min((row["taken_at"] for row in having), default=None)
        values = [row[name] for row in having if row["taken_at"] == since]
        fields.append(values[-1] if since is not None and since <= at else None)
    return fields


def versions_of_videos(engine: Engine) -> list[object]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text("select id, xmin::text from videos order by id"))]


descriptions = st.fixed_dictionaries(
    {
        "title": st.sampled_from([None, "", "a", "b"]),
        "creator_id": st.sampled_from([None, "c1", "c2"]),
        "has_music": st.sampled_from([None, True, False]),
        "video_width": st.sampled_from([None, 0, 720]),
        "published_at": st.sampled_from([None, DAY]),
        "is_original_sound": st.sampled_from([None, True]),
    }
)
arrivals = st.builds(
    lambda day, video, values: on_day(day, video, **values),
    st.integers(0, 3),
    st.sampled_from(["v1", "v2"]),
    descriptions,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(st.lists(arrivals, min_size=1, max_size=6), min_size=1, max_size=4))
def test_whatever_arrives_in_whatever_order_the_rule_of_descriptions_holds(
    engine: Engine, loads: list[list[dict[str, object]]]
) -> None:
    with transaction(engine) as connection:
        connection.execute(text("truncate engagement_snapshots, videos, creators"))
    for rows in loads:
        load_snapshots(engine, table(*rows))
    arrived = [row for rows in loads for row in rows]
    for row in stored(engine):
        expected = described(arrived, row["video_id"], row["taken_at"])  # type: ignore[arg-type]
        assert [row[name] for name in DESCRIPTION.names] == expected
    before = versions_of_videos(engine)
    load_snapshots(engine, table(*loads[-1]))
    assert versions_of_videos(engine) == before


def test_later_data_change_nothing_of_what_was_known_before(engine: Engine) -> None:
    load_snapshots(engine, table(on_day(0, title="one", creator_followers=10), on_day(1, creator_followers=20)))
    until = DAY + timedelta(days=2)
    known = read(engine, DAY, until)["snapshots"]
    load_snapshots(engine, table(on_day(2, title="two", creator_followers=10**9, category="x", has_music=True)))
    assert read(engine, DAY, until)["snapshots"] == known


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(whole_numbers, texts, times, st.booleans() | st.none(), st.floats(0) | st.none()))
)
def test_every_value_comes_back_as_it_went_in(engine: Engine, rows: list[tuple[object, ...]]) -> None:
    given_rows = [
        on_day(
            0,
            f"{number:03d}",
            likes=likes,
            title=title,
            published_at=at,
            has_music=flag,
            video_duration=number_,
        )
        for number, (likes, title, at, flag, number_) in enumerate(rows)
    ]
    with transaction(engine) as connection:
        connection.execute(text("truncate engagement_snapshots, videos, creators"))
    load_snapshots(engine, table(*given_rows))
    names = ("video_id", "taken_at", "views", "likes", "title", "published_at", "has_music", "video_duration")
    assert [{n: row[n] for n in names} for row in stored(engine)] == [
        {n: r[n] for n in names} for r in given_rows
    ]


def test_what_postgresql_cannot_hold_is_left_out(engine: Engine) -> None:
    load_snapshots(engine, table(on_day(0, title="a\x00b", video_duration=float("nan"))))
    (row,) = stored(engine)
    assert (row["title"], row["video_duration"]) == ("ab", None)


@pytest.mark.parametrize("column", ["views", "likes", "creator_followers", "video_width"])
def test_a_negative_count_is_refused_and_nothing_of_the_load_stays(engine: Engine, column: str) -> None:
    with pytest.raises(DatabaseError, match=f"{column}_check"):
        load_snapshots(engine, table(on_day(0, "good"), on_day(1, "bad", **{column: -1})))
    assert stored(engine) == []


def test_a_load_that_fails_half_way_or_is_not_to_be_kept_leaves_nothing(engine: Engine) -> None:
    def fail_half_way() -> None:
        with snapshot_load(engine) as load:
            load.add(many(10, 2))
            load.add(pa.table({"nonsense": [1]}))

    with pytest.raises(InputError, match="nonsense"):
        fail_half_way()
    with snapshot_load(engine, keep=False) as load:
        load.add(many(10, 2))
        assert load.finish() == Loaded(20, 0, 0)
    assert stored(engine) == []


def test_a_window_begins_with_its_start_ends_before_its_end_and_knows_the_whole_history(engine: Engine) -> None:
    load_snapshots(engine, many(3, 5))
    window = read(engine, DAY + timedelta(days=2), DAY + timedelta(days=4))["snapshots"]
    assert window.select(["video_id", "taken_at"]).to_pylist() == [
        {"video_id": f"v{video}", "taken_at": DAY + timedelta(days=day)} for video in range(3) for day in (2, 3)
    ]
    assert set(window["first_seen_at"].to_pylist()) == {DAY}
    assert read(engine, DAY + timedelta(days=9), DAY + timedelta(days=10))["snapshots"].num_rows == 0
