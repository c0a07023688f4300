"""Raw rows to the feature matrix: one definition, used in training, in batches and for a single request.

Formulas are written once, against :mod:`models.viral.ops`; counts over titles come from
:mod:`models.titles`. Sizes go through log(1 + x). What is missing is NaN, never zero: the trees learn
a direction for it. No feature looks at anything but the row itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME, conform, epoch_us, time_us
from models.titles import TITLE_COUNTS, category_code, title_columns, title_counts
from models.viral.ops import NAN, ArrayOps, Ops, ScalarOps
from models.viral.schema import INPUT_SCHEMA

FEATURE_GROUPS: dict[str, tuple[str, ...]] = {
    "engagement": (
        "views_log",
        "likes_log",
        "comments_log",
        "shares_log",
        "bookmarks_log",
        "engagement_rate",
        "share_rate",
        "save_rate",
    ),
    "creator": (
        "followers_log",
        "creator_verified",
        "follower_following_ratio",
        "views_per_follower",
        "is_small_creator",
        "is_medium_creator",
        "is_large_creator",
        "creator_videos_log",
    ),
    "video": ("duration", "duration_bucket", "optimal_duration", "aspect_ratio", "is_vertical", "has_music"),
    "content": (*TITLE_COUNTS, "description_length", "category_code"),
    "temporal": (
        "hour_of_day",
        "day_of_week",
        "is_weekend",
        "is_prime_time",
        "days_since_upload",
        "views_per_day",
        "views_per_hour",
        "growth_rate",
        "hours_since_previous",
        "views_gained",
    ),
    "audio": ("has_music", "song_duration", "is_original_sound", "sound_popularity"),
    "derived": (
        "like_to_view",
        "comment_to_like",
        "share_to_comment",
        "bookmark_to_like",
        "engagement_velocity",
        "virality_score",
        "momentum",
    ),
}
#: Every feature once, in the order of the matrix's columns (``has_music`` is in two groups).
FEATURES: tuple[str, ...] = tuple(dict.fromkeys(chain.from_iterable(FEATURE_GROUPS.values())))

#: Features whose formula gives a size; the matrix holds log(1 + size).
_SIZES = (
    "views_log",
    "likes_log",
    "comments_log",
    "shares_log",
    "bookmarks_log",
    "followers_log",
    "creator_videos_log",
    "views_per_day",
    "views_per_hour",
    "growth_rate",
    "views_gained",
    "sound_popularity",
    "engagement_velocity",
)
_SIZE_COLUMNS = np.array([FEATURES.index(name) for name in _SIZES])
_NUMBERS = tuple(
    field.name for field in INPUT_SCHEMA if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
)
_TRUTHS = tuple(field.name for field in INPUT_SCHEMA if pa.types.is_boolean(field.type))
_TIMES = tuple(field.name for field in INPUT_SCHEMA if field.type == TIME)
_DAY, _HOUR = 86_400_000_000.0, 3_600_000_000.0
_ARRAY, _SCALAR = ArrayOps(), ScalarOps()


def feature_matrix(examples: pa.Table) -> np.ndarray:
    """(n, features) float64 of a table with (some of) the input columns; absent columns are missing."""
    table = conform(
        examples.select([n for n in examples.column_names if n in INPUT_SCHEMA.names]), INPUT_SCHEMA
    )
    values: dict[str, Any] = {}
    for name in (*_NUMBERS, *_TRUTHS):
        values[name] = _floats(table[name])
    for name in _TIMES:
        values[name] = _floats(epoch_us(table[name]))
    values.update(title_columns(table["title"].to_pylist()))
    values["description_length"] = _floats(pc.utf8_length(table["description"]))
    values["category_code"] = _category_codes(table["category"])
    return _matrix(values, table.num_rows)


def feature_rows(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(n, features) float64 of a request's rows given as mappings: what :func:`feature_matrix` gives for them,
    without building a table.
    """
    sent = set().union(*rows)
    values: dict[str, Any] = dict.fromkeys((*_ALL_NUMBERS, *_TIMES), np.full(len(rows), NAN))
    for name in sent.intersection(_ALL_NUMBERS):
        values[name] = np.array([NAN if (v := row.get(name)) is None else v for row in rows], dtype=np.float64)
    for name in sent.intersection(_TIMES):
        values[name] = np.array([NAN if (v := row.get(name)) is None else time_us(v) for row in rows])
    values.update(title_columns([row.get("title") for row in rows]))
    texts = [row.get("description") for row in rows]
    values["description_length"] = np.array([NAN if text is None else float(len(text)) for text in texts])
    values["category_code"] = np.array([category_code(row.get("category")) for row in rows])
    return _matrix(values, len(rows))


def feature_row(inputs: Mapping[str, Any]) -> np.ndarray:
    """(features,) float64 of one row: bit for bit what :func:`feature_matrix` gives for it.

    Args:
        inputs: values by input name; absent or None is missing. A time is a datetime (a naive one is UTC) or
            ISO 8601 text.
    """
    get = inputs.get
    values: dict[str, Any] = {}
    for name in _ALL_NUMBERS:
        value = get(name)
        values[name] = NAN if value is None else float(value)
    for name in _TIMES:
        value = get(name)
        values[name] = NAN if value is None else time_us(value)
    values.update(zip(TITLE_COUNTS, title_counts(get("title")), strict=True))
    description = get("description")
    values["description_length"] = NAN if description is None else float(len(description))
    values["category_code"] = category_code(get("category"))
    row = np.array(_formulas(_SCALAR, values))
    row[_SIZE_COLUMNS] = np.log1p(row[_SIZE_COLUMNS])
    return row


_ALL_NUMBERS = (*_NUMBERS, *_TRUTHS)


def _formulas(o: Ops, v: Mapping[str, Any]) -> tuple[Any, ...]:
    """Every feature in the order of ``FEATURES``; those in ``_SIZES`` before their logarithm."""
    reactions = o.total(v["likes"], v["comments"], v["shares"], v["bookmarks"])
    age = o.positive(v["taken_at"] - v["published_at"])
    return (
        *_engagement(o, v, reactions),
        *_creator(o, v),
        *_video(o, v),
        *(v[name] for name in FEATURE_GROUPS["content"]),
        *_temporal(o, v, age),
        v["song_duration"],
        v["is_original_sound"],
        v["sound_uses"],
        *_derived(o, v, reactions, age),
    )


def _engagement(o: Ops, v: Mapping[str, Any], reactions: Any) -> tuple[Any, ...]:
    views = v["views"]
    return (
        views,
        v["likes"],
        v["comments"],
        v["shares"],
        v["bookmarks"],
        o.ratio(reactions, views),
        o.ratio(v["shares"], views),
        o.ratio(v["bookmarks"], views),
    )


def _creator(o: Ops, v: Mapping[str, Any]) -> tuple[Any, ...]:
    followers = v["creator_followers"]
    return (
        followers,
        v["creator_verified"],
        o.ratio(followers, v["creator_following"]),
        o.ratio(v["views"], followers),
        o.between(followers, 0.0, 10_000.0),
        o.between(followers, 10_000.0, 1_000_000.0),
        o.between(followers, 1_000_000.0, float("inf")),
        v["creator_videos"],
    )


def _video(o: Ops, v: Mapping[str, Any]) -> tuple[Any, ...]:
    duration, width, height = v["video_duration"], v["video_width"], v["video_height"]
    return (
        duration,
        o.bucket(duration, (7.0, 15.0, 30.0, 60.0, 180.0, 600.0)),
        o.between(duration, 15.0, 60.0),
        o.ratio(width, height),
        o.above(height, width),
        v["has_music"],
    )


def _temporal(o: Ops, v: Mapping[str, Any], age: Any) -> tuple[Any, ...]:
    published = v["published_at"]
    day = o.floor(published / _DAY)
    hour = o.floor((published - day * _DAY) / _HOUR)
    weekday = (day + 3.0) - 7.0 * o.floor((day + 3.0) / 7.0)  # day 0 was a Thursday; Monday is 0
    gained = o.positive(v["views"] - v["previous_views"])
    waited = v["taken_at"] - v["previous_taken_at"]
    return (
        hour,
        weekday,
        o.between(weekday, 5.0, 7.0),
        o.between(hour, 18.0, 23.0),
        age / _DAY,
        o.ratio(v["views"], age / _DAY),
        o.ratio(gained, waited / _HOUR),
        o.ratio(gained / (v["previous_views"] + 1.0), waited / _DAY),
        waited / _HOUR,
        gained,
    )


def _derived(o: Ops, v: Mapping[str, Any], reactions: Any, age: Any) -> tuple[Any, ...]:
    views, likes = v["views"], v["likes"]
    gained = o.positive(views - v["previous_views"])
    waited = v["taken_at"] - v["previous_taken_at"]
    weighted = o.total(likes, 2.0 * v["comments"], 3.0 * v["shares"], 2.0 * v["bookmarks"])
    return (
        o.ratio(likes, views),
        o.ratio(v["comments"], likes),
        o.ratio(v["shares"], v["comments"]),
        o.ratio(v["bookmarks"], likes),
        o.ratio(reactions, age / _HOUR),
        o.ratio(weighted, views),
        # the pace since the previous snapshot against the pace of the video's whole life
        o.ratio(o.ratio(gained, waited), o.ratio(views, age)),
    )


def _matrix(values: Mapping[str, Any], rows: int) -> np.ndarray:
    columns = np.empty((len(FEATURES), rows))
    for number, feature in enumerate(_formulas(_ARRAY, values)):
        columns[number] = feature
    columns[_SIZE_COLUMNS] = np.log1p(columns[_SIZE_COLUMNS])
    return np.ascontiguousarray(columns.T)


def _category_codes(column: Any) -> np.ndarray:
    """(n,) :func:`category_code` of a text column; each different category is looked at once."""
    encoded = pc.dictionary_encode(column.combine_chunks())
    codes = np.array([*map(category_code, encoded.dictionary.to_pylist()), NAN])
    return codes[pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)]


def _floats(column: Any) -> np.ndarray:
    """A numeric or boolean Arrow column as (n,) float64 with NaN for null."""
    numbers = pc.cast(column, pa.float64(), safe=False)
    return np.array(pc.fill_null(numbers, NAN).to_numpy(), dtype=np.float64)
