"""The columns of the CTR family: one name everywhere, from CSV to feature matrix."""

from __future__ import annotations

import pyarrow as pa

from models.columns import TIME

#: What is known of a clip. An absent value is null, never zero.
CLIP_FIELDS = [
    pa.field("group_id", pa.string()),
    pa.field("creator_id", pa.string()),
    pa.field("advertiser_id", pa.string()),
    pa.field("creative_id", pa.string()),
    pa.field("title", pa.string()),
    pa.field("hook_text", pa.string()),
    pa.field("category", pa.string()),
    pa.field("language", pa.string()),
    pa.field("duration", pa.float64()),
    pa.field("psychology_composite", pa.float64()),
    pa.field("hook_strength", pa.float64()),
    pa.field("novelty_score", pa.float64()),
    pa.field("emotion_priority", pa.float64()),
    pa.field("has_face", pa.bool_()),
    pa.field("composite_score", pa.float64()),
    pa.field("published_at", TIME),
]
#: Where, when, to whom and on what it is shown. ``hour`` (0-23, UTC) is null where counts are of a whole day.
PLACE_FIELDS = [
    pa.field("at", TIME, nullable=False),
    pa.field("hour", pa.int8()),
    pa.field("placement", pa.string()),
    pa.field("audience", pa.string()),
    pa.field("device", pa.string()),
]
#: Counts of the past, known at ``at``. Null: nothing was ever counted.
HISTORY_FIELDS = [
    pa.field("clip_impressions", pa.int64()),
    pa.field("clip_clicks", pa.int64()),
    pa.field("creator_impressions", pa.int64()),
    pa.field("creator_clicks", pa.int64()),
    pa.field("advertiser_impressions", pa.int64()),
    pa.field("advertiser_clicks", pa.int64()),
]

#: Everything a prediction may be made from.
INPUT_SCHEMA = pa.schema([pa.field("clip_id", pa.string()), *PLACE_FIELDS, *CLIP_FIELDS, *HISTORY_FIELDS])

#: Inputs, what happened then, what was predicted, and where the row belongs. ``outcome`` is the sender's key.
EXAMPLE_SCHEMA = pa.schema(
    [
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        *INPUT_SCHEMA,
        pa.field("ended_at", TIME, nullable=False),
        pa.field("known_at", TIME, nullable=False),
        pa.field("impressions", pa.int64(), nullable=False),
        pa.field("clicks", pa.int64(), nullable=False),
        ("label", pa.string()),
        ("predicted_ctr", pa.float64()),
        ("predicted_version", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        ("flag", pa.string()),
        pa.field("split", pa.string(), nullable=False),
    ]
)

#: A row of an import: counts of a clip in a span, and what was known of the clip then. In rows that are only
#: measured, key and times may be null.
OUTCOME_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("started_at", TIME),
        pa.field("ended_at", TIME),
        pa.field("placement", pa.string()),
        pa.field("audience", pa.string()),
        pa.field("device", pa.string()),
        pa.field("impressions", pa.int64(), nullable=False),
        pa.field("clicks", pa.int64(), nullable=False),
        *CLIP_FIELDS,
    ]
)
