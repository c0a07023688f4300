import numpy as np
import pytest

from models.ctr.features import FEATURES, PLACES, feature_matrix, feature_row, feature_rows
from tests.ctr_learning_world import predictor, with_column, world

FITTED = predictor().fitted


def test_a_row_has_the_same_features_alone_in_a_request_and_in_a_table():
    test = world()[1]
    rows = test.to_pylist()
    matrix = feature_matrix(test, FITTED)
    assert np.array_equal(matrix, feature_rows(rows, FITTED), equal_nan=True)
    assert np.array_equal(matrix[7], feature_row(rows[7], FITTED), equal_nan=True)
    assert matrix.shape == (test.num_rows, len(FEATURES))
    assert len(set(FEATURES)) == len(FEATURES)


def test_outcomes_are_no_features():
    test = world()[1]
    changed = test
    for name in ("impressions", "clicks"):
        changed = with_column(changed, name, [0] * test.num_rows)
    for name in ("label", "flag", "predicted_ctr", "predicted_version"):
        changed = with_column(changed, name, [None] * test.num_rows)
    assert np.array_equal(feature_matrix(test, FITTED), feature_matrix(changed, FITTED), equal_nan=True)


def test_absent_and_zero_differ():
    absent, zero = (
        feature_row({}, FITTED),
        feature_row({"duration": 0.0, "clip_impressions": 0, "clip_clicks": 0}, FITTED),
    )
    for name in ("duration", "clip_impressions_log", "clip_past_odds"):
        assert np.isnan(absent[PLACES[name]])
        assert zero[PLACES[name]] == 0.0


def test_a_past_is_shrunk_to_the_base_rate():
    def odds(shown, clicks):
        return feature_row({"creator_impressions": shown, "creator_clicks": clicks}, FITTED)[
            PLACES["creator_past_odds"]
        ]

    assert 0 < odds(3, 3) < odds(100_000, 50_000)
    assert odds(3, 0) < 0 < odds(3, 1)
    assert np.isfinite(odds(10**9, 10**9))


def test_times_are_taken_as_text_as_datetime_and_without_a_zone():
    rows = [{"at": value, "published_at": "2026-03-01T00:00:00Z"} for value in
            ("2026-03-04T12:00:00+00:00", "2026-03-04T12:00:00", "2026-03-04T13:00:00+01:00")]  # fmt: skip
    found = [feature_row(row, FITTED) for row in rows]
    assert np.array_equal(found[0], found[1], equal_nan=True)
    assert np.array_equal(found[0], found[2], equal_nan=True)
    assert found[0][PLACES["weekday"]] == 2.0  # a Wednesday
    assert found[0][PLACES["days_since_publication"]] == pytest.approx(3.5)


def test_names_never_seen_deviate_by_nothing():
    row = feature_row({"creator_id": "nobody", "placement": "nowhere"}, FITTED)
    assert row[PLACES["creator_id_odds"]] == row[PLACES["placement_odds"]] == 0.0
    assert feature_row({"placement": "place0"}, FITTED)[PLACES["placement_odds"]] > 0.1
