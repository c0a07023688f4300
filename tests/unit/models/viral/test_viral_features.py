import string
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.titles import TITLE_COUNTS, title_columns, title_counts
from models.viral.features import FEATURE_GROUPS, FEATURES, feature_matrix, feature_row, feature_rows
from models.viral.schema import INPUT_SCHEMA

counts = st.none() | st.integers(0, 2**53)
truths = st.none() | st.booleans()
sizes = st.none() | st.floats(0, 1e6)
moments = st.datetimes(datetime(2005, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
titles = (
    st.none() | st.text(max_size=40) | st.text(string.ascii_letters + string.digits + "#@ ?!'_\n", max_size=60)
)

KINDS = {
    pa.int64(): counts,
    pa.int32(): st.none() | st.integers(0, 2**31 - 1),
    pa.bool_(): truths,
    pa.float64(): sizes,
}


@st.composite
def rows(draw):
    row = {field.name: draw(KINDS[field.type]) for field in INPUT_SCHEMA if field.type in KINDS}
    row["views"] = draw(st.integers(0, 2**53))
    row["taken_at"] = draw(moments)
    row |= {name: draw(st.none() | moments) for name in ("published_at", "previous_taken_at")}
    row |= {
        "title": draw(titles),
        "description": draw(titles),
        "category": draw(st.none() | st.text(max_size=6)),
    }
    return row | {"video_id": "v", "creator_id": None, "language": None, "country": None}


def encodable(row):
    try:
        return all(
            value is None or value.encode() is not None for value in row.values() if isinstance(value, str)
        )
    except UnicodeEncodeError:
        return False


@settings(max_examples=60, deadline=None)
@given(st.lists(rows().filter(encodable), min_size=1, max_size=5))
def test_a_row_alone_in_a_table_and_in_a_request_has_exactly_the_same_features(batch):
    table = feature_matrix(pa.Table.from_pylist(batch, schema=INPUT_SCHEMA))
    alone = np.array([feature_row(row) for row in batch])
    assert np.array_equal(table, alone, equal_nan=True)
    assert np.array_equal(feature_rows(batch), alone, equal_nan=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(titles, min_size=1, max_size=8))
def test_titles_are_counted_alike_one_by_one_and_together(batch):
    together = np.stack(list(title_columns(batch).values()), axis=1)
    assert np.array_equal(together, np.array([title_counts(title) for title in batch]), equal_nan=True)


def test_there_are_more_than_fifty_features_in_the_seven_groups():
    assert len(FEATURES) > 50
    assert list(FEATURE_GROUPS) == ["engagement", "creator", "video", "content", "temporal", "audio", "derived"]
    assert {"engagement_rate", "hook_word_count", "growth_rate", "virality_score", "sound_popularity"} <= set(
        FEATURES
    )


def test_a_title_is_counted_as_a_reader_would():
    found = dict(
        zip(
            TITLE_COUNTS,
            title_counts("You WON'T believe this hack! #viral #fyp @me a@b.c 😀 Ünïc 3x?"),
            strict=True,
        )
    )
    assert found["hashtag_count"] == 2
    assert found["mentions_count"] == 1  # an address of mail is no mention
    assert found["word_count"] == 12
    assert found["hook_word_count"] == 4  # you, won't, hack, viral
    assert found["has_emoji"] == found["has_question"] == found["has_exclamation"] == found["has_number"] == 1
    assert found["has_cta"] == 0
    assert found["uppercase_ratio"] == pytest.approx(6 / 38, abs=0.01)


def test_what_is_absent_is_missing_and_not_zero():
    row = dict(
        zip(FEATURES, feature_row({"views": 1000, "taken_at": datetime(2026, 1, 1, tzinfo=UTC)}), strict=True)
    )
    assert row.pop("views_log") == pytest.approx(np.log1p(1000))
    assert all(np.isnan(value) for value in row.values())
    zero = dict(zip(FEATURES, feature_row({"views": 1000, "likes": 0, "title": ""}), strict=True))
    assert zero["likes_log"] == zero["like_to_view"] == zero["word_count"] == zero["title_length"] == 0.0


def test_a_table_may_lack_columns():
    table = pa.table({"views": [5, 7]})
    assert np.array_equal(feature_matrix(table)[1], feature_row({"views": 7}), equal_nan=True)


def test_no_rows_give_no_features():
    assert feature_matrix(INPUT_SCHEMA.empty_table()).shape == (0, len(FEATURES))


def test_times_are_told_in_utc_from_text_from_naive_and_from_other_zones():
    taken = datetime(2026, 5, 2, 22, 30, tzinfo=UTC)  # a Saturday
    same = ["2026-05-02T22:30:00Z", "2026-05-03T00:30:00+02:00", taken, taken.replace(tzinfo=None)]
    for published in same:
        row = feature_row({"views": 240, "taken_at": taken + timedelta(days=2), "published_at": published})
        found = dict(zip(FEATURES, row, strict=True))
        assert (found["hour_of_day"], found["day_of_week"], found["is_weekend"], found["is_prime_time"]) == (
            22,
            5,
            1,
            1,
        )
        assert found["days_since_upload"] == 2
        assert found["views_per_day"] == pytest.approx(np.log1p(120))
