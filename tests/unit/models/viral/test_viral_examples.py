import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import load_settings
from models.columns import TIME
from models.family import Window
from models.viral import FAMILY
from models.viral.examples import build, collect, examples_from_rows, source_span
from models.viral.features import feature_matrix
from models.viral.options import ViralOptions
from models.viral.schema import EXAMPLE_SCHEMA, INPUT_SCHEMA, SNAPSHOT_SCHEMA
from models.viral.split import training_rows

DAY = timedelta(days=1)
MARCH = Window(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC))


def with_first_seen(snapshots):
    first = snapshots.group_by("video_id").aggregate([("taken_at", "min")])
    joined = snapshots.join(first, "video_id").rename_columns([*snapshots.column_names, "first_seen_at"])
    return joined.sort_by([("video_id", "ascending"), ("taken_at", "ascending")])


def within(table, window):
    taken = table["taken_at"]
    low, high = pa.scalar(window.start, TIME), pa.scalar(window.end, TIME)
    return table.filter(pc.and_(pc.greater_equal(taken, low), pc.less(taken, high)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 9))
def test_no_input_or_feature_of_a_row_changes_when_the_future_changes(snapshots, options, seed, day):
    """Rewrite, drop and invent what comes after a moment: rows up to it keep every input and feature."""
    rng = np.random.default_rng(seed)
    moment = pa.scalar(datetime(2026, 3, 1, tzinfo=UTC) + day * 2 * DAY, TIME)
    past = pc.less_equal(snapshots["taken_at"], moment)
    future = snapshots.filter(pc.invert(past))
    future = future.take(np.sort(rng.choice(future.num_rows, future.num_rows // 2, replace=False)))
    invented = pa.array(rng.integers(0, 10**9, future.num_rows))
    future = future.set_column(future.schema.get_field_index("views"), SNAPSHOT_SCHEMA.field("views"), invented)
    likes = pa.array(rng.integers(0, 10**6, future.num_rows))
    future = future.set_column(future.schema.get_field_index("likes"), "likes", likes)
    changed = pa.concat_tables([snapshots.filter(past), future]).cast(SNAPSHOT_SCHEMA)

    rows = snapshots.filter(past)
    before, after = (
        build(rows, observed, options).select(INPUT_SCHEMA.names) for observed in (snapshots, changed)
    )
    assert before.equals(after)
    assert np.array_equal(feature_matrix(before), feature_matrix(after), equal_nan=True)


def test_a_back_fill_of_a_range_gives_the_same_examples_as_its_days_one_by_one(snapshots, options):
    everything = with_first_seen(snapshots)
    whole = collect({"snapshots": within(everything, source_span(MARCH, options))}, MARCH, options)
    days = []
    for number in range((MARCH.end - MARCH.start).days):
        day = Window(MARCH.start + number * DAY, MARCH.start + (number + 1) * DAY)
        days.append(collect({"snapshots": within(everything, source_span(day, options))}, day, options))
    together = pa.concat_tables(days).sort_by([("video_id", "ascending"), ("taken_at", "ascending")])
    assert whole.num_rows > 300
    assert whole.schema.equals(EXAMPLE_SCHEMA)
    assert together.combine_chunks().equals(whole)


def test_what_is_seen_after_the_day_does_not_change_the_day(snapshots, options):
    everything = with_first_seen(snapshots)
    day = Window(datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 3, 21, tzinfo=UTC))
    on_time = collect({"snapshots": within(everything, source_span(day, options))}, day, options)
    a_year_later = collect({"snapshots": everything}, day, options)
    assert on_time.num_rows
    assert on_time.equals(a_year_later)


def test_predictions_join_their_snapshot_or_stand_alone(snapshots, options):
    everything = with_first_seen(snapshots)
    seen = everything.slice(3, 1).to_pylist()[0]
    later = seen["taken_at"] + timedelta(hours=2)
    recorded = pa.table(
        {
            "video_id": [seen["video_id"], seen["video_id"], "never-seen"],
            "taken_at": pa.array([seen["taken_at"], later, later], TIME),
            "inputs": [json.dumps({"views": 12, "likes": 3, "title": "from the request", "taken_at": "x"})] * 3,
            "answer": [json.dumps({"viral_class": "low", "viral_score": 4.0})] * 3,
            "version": ["8"] * 3,
        }
    )
    found = collect({"snapshots": everything, "predictions": recorded}, MARCH, options).to_pylist()
    of_video = [row for row in found if row["predicted_version"] == "8"]
    assert [(row["source"], row["views"]) for row in of_video] == [
        ("snapshot", seen["views"]),
        ("prediction", 12),
    ]
    alone = of_video[1]
    assert (alone["title"], alone["taken_at"], alone["predicted_class"]) == ("from the request", later, "low")
    assert alone["previous_views"] == seen["views"]
    assert alone["split"] == of_video[0]["split"]
    assert alone["first_seen_at"] == of_video[0]["first_seen_at"]


def test_odd_rows_are_kept_and_say_what_is_odd():
    taken = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        {"video_id": "fell", "taken_at": taken, "views": 100, "likes": 5},
        {"video_id": "fell", "taken_at": taken + 7 * DAY, "views": 40},
        {"video_id": "liked", "taken_at": taken, "views": 100, "likes": 500},
        {"video_id": "liked", "taken_at": taken + 7 * DAY, "views": 400},
        {"video_id": "wild", "taken_at": taken, "views": 2000},
        {"video_id": "wild", "taken_at": taken + 7 * DAY, "views": 9_000_000},
    ]
    table = pa.Table.from_pylist(rows, schema=SNAPSHOT_SCHEMA)
    built = build(table, table, ViralOptions())
    flags = {row["video_id"]: row["flag"] for row in built.to_pylist() if row["label"]}
    assert flags == {
        "fell": "Views fell from 100 to 40 by the horizon.",
        "liked": "More likes (500) than views (100).",
        "wild": "Views grew more than 1,000-fold, from 2,000 to 9,000,000.",
    }


def test_trained_rows_were_settled_before_the_first_test_question(examples, options):
    train, valid, test = training_rows(examples, options)
    asked = test["taken_at"].to_numpy().min()
    for rows in (train, valid):
        assert rows.num_rows > 20
        assert rows["horizon_at"].to_numpy().max() < asked
        assert not set(rows["video_id"].to_pylist()) & set(test["video_id"].to_pylist())


def test_too_few_rows_for_the_stable_split_are_cut_by_time(examples, options):
    one_side = examples.filter(pc.equal(examples["split"], "train"))
    train, valid, test = training_rows(one_side, options)
    assert min(train.num_rows, valid.num_rows, test.num_rows) > 0
    assert (
        max(train["horizon_at"].to_numpy().max(), valid["horizon_at"].to_numpy().max())
        < test["taken_at"].to_numpy().min()
    )
    assert [part.num_rows for part in training_rows(examples.slice(0, 0), options)] == [0, 0, 0]


def test_outcomes_of_another_horizon_are_neither_taught_nor_tested(examples, options):
    assert [part.num_rows for part in training_rows(examples, options.with_horizon(3))] == [0, 0, 0]


def test_a_test_file_looks_back_into_the_training_file_but_not_the_other_way(snapshots, options):
    cut = pa.scalar(datetime(2026, 4, 5, tzinfo=UTC), TIME)
    early, late = (
        snapshots.filter(mask)
        for mask in (pc.less(snapshots["taken_at"], cut), pc.greater_equal(snapshots["taken_at"], cut))
    )
    roles = examples_from_rows({"train": early, "test": late}, options)
    alone = examples_from_rows({"train": early, "test": late.slice(0, 1)}, options)
    known = {name: roles[name]["previous_views"].null_count for name in roles}
    whole = build(late, snapshots, options)
    assert known["test"] == whole.filter(whole["label"].is_valid())["previous_views"].null_count
    assert roles["train"].equals(alone["train"])
    assert max(roles[name]["horizon_at"].to_numpy().max() for name in ("train", "valid")) < np.datetime64(
        "2026-04-05"
    )


def test_a_row_in_both_files_is_tested_on_and_not_trained_on(snapshots, options):
    roles = examples_from_rows({"train": snapshots, "test": snapshots.slice(0, 240)}, options)
    keys = [
        set(zip(roles[r]["video_id"].to_pylist(), roles[r]["taken_at"].to_pylist(), strict=True))
        for r in ("train", "test")
    ]
    assert keys[1]
    assert not keys[0] & keys[1]


def test_the_family_takes_its_options_from_the_settings():
    options = FAMILY.options(load_settings(viral_horizon_days=3, viral_thresholds="10,20,30"))
    assert (options.horizon, options.thresholds) == (3 * DAY, (10, 20, 30))
    with pytest.raises(Exception, match="rising"):
        ViralOptions(thresholds=(3, 2, 1))
