from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import InputError
from models.viral.labels import DAY_US, class_index, correct, neighbours, outcome_index, previous_index
from models.viral.options import ViralOptions

HOUR = DAY_US // 24
points = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=25)


def columns(pairs):
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), unique=True, max_size=25), points)
def test_neighbours_are_those_that_a_plain_search_finds(observed, asked):
    found = neighbours(*columns(observed), *columns(asked))
    for number, (entity, time) in enumerate(asked):
        before = [at for at, (e, t) in enumerate(observed) if e == entity and t <= time]
        after = [at for at, (e, t) in enumerate(observed) if e == entity and t > time]
        assert found.before[number] == max(before, key=lambda at: observed[at][1], default=-1)
        assert found.after[number] == min(after, key=lambda at: observed[at][1], default=-1)


def outcome(hours, at_hour=10, options=None):
    """The hour, since the snapshot, of the observation that is the outcome of a snapshot at ``at_hour``."""
    options = options or ViralOptions()
    times = np.array([at_hour, *(at_hour + hour for hour in hours)], dtype=np.int64) * HOUR
    found = outcome_index(np.zeros(len(times), int), times, np.zeros(1, int), times[:1], options)[0]
    return None if found < 0 else int((times[found] - times[0]) // HOUR)


def test_the_outcome_is_the_nearest_observation_within_the_tolerance():
    assert outcome([24 * 6, 24 * 7 - 2, 24 * 7 + 1, 24 * 8]) == 24 * 7 + 1
    assert outcome([24 * 6 + 5, 24 * 7 - 2]) == 24 * 7 - 2
    assert outcome([24 * 6]) == 24 * 6
    assert outcome([24 * 6 - 1, 24 * 5]) is None
    assert outcome([]) is None


def test_an_outcome_is_settled_when_its_day_is_over():
    # the horizon is at 10:00; an observation of the next day never changes the outcome any more
    assert outcome([24 * 7 - 20, 24 * 7 + 13]) == 24 * 7 + 13
    assert outcome([24 * 7 - 20, 24 * 7 + 14]) == 24 * 7 - 20


def test_a_short_horizon_does_not_reach_back_to_the_snapshot():
    options = ViralOptions(horizon=timedelta(days=1), tolerance=timedelta(days=5))
    assert options.reach == timedelta(hours=4)
    assert outcome([1, 12], options=options) is None
    assert outcome([1, 22], options=options) == 22


def test_history_is_strictly_before_the_snapshot_and_not_long_ago():
    times = np.array([0, 24, 25, 200]) * HOUR
    same = np.zeros(4, int)
    assert previous_index(same, times, same, times, ViralOptions()).tolist() == [-1, 0, 1, -1]


def test_a_class_begins_at_its_threshold():
    views = np.array([0, 49_999, 50_000, 499_999, 500_000, 1_999_999, 2_000_000, 10**12])
    assert class_index(views, ViralOptions()).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def corrected(views, label):
    rows = pa.record_batch(
        {"label": pa.array(["low", None]), "views_at_horizon": pa.array([10, views], pa.int64())}
    )
    first, second = correct(rows, {1: label}, ViralOptions()).to_pylist()
    assert first == {"label": "low", "views_at_horizon": 10}
    return second["label"], second["views_at_horizon"]


def test_the_outcome_follows_a_corrected_label_to_the_nearest_count_of_its_class():
    assert corrected(1_213, "medium") == ("medium", 50_000)
    assert corrected(9_000_000, "high") == ("high", 1_999_999)
    assert corrected(9_000_000, "low") == ("low", 49_999)
    assert corrected(600_000, "high") == ("high", 600_000)
    assert corrected(None, "ultra") == ("ultra", 2_000_000)


def test_a_label_that_is_no_class_corrects_nothing():
    with pytest.raises(InputError, match="'huge' is no viral class"):
        corrected(5, "huge")
