"""The columns of the viral family: one name everywhere, from CSV to feature matrix."""

from __future__ import annotations

import pyarrow as pa

from models.columns import TIME

#: A snapshot of a video as it was seen at ``taken_at``. An absent value is null, never zero.
SNAPSHOT_SCHEMA = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("creator_id", pa.string()),
        pa.field("taken_at", TIME, nullable=False),
        pa.field("views", pa.int64(), nullable=False),
        ("likes", pa.int64()),
        ("comments", pa.int64()),
        ("shares", pa.int64()),
        ("bookmarks", pa.int64()),
        ("creator_followers", pa.int64()),
        ("creator_following", pa.int64()),
        ("creator_videos", pa.int64()),
        ("creator_verified", pa.bool_()),
        ("published_at", TIME),
        ("title", pa.string()),
        ("description", pa.string()),
        ("category", pa.string()),
        ("language", pa.string()),
        ("country", pa.string()),
        ("video_duration", pa.float64()),
        ("video_width", pa.int32()),
        ("video_height", pa.int32()),
        ("has_music", pa.bool_()),
        ("song_duration", pa.float64()),
        ("is_original_sound", pa.bool_()),
        ("sound_uses", pa.int64()),
    ]
)
HISTORY_FIELDS = [pa.field("previous_views", pa.int64()), pa.field("previous_taken_at", TIME)]

#: Everything a prediction may be made from: the snapshot, and the snapshot before it.
INPUT_SCHEMA = pa.schema([*SNAPSHOT_SCHEMA, *HISTORY_FIELDS])

#: Inputs, what happened then, what was predicted, and where the row belongs.
EXAMPLE_SCHEMA = pa.schema(
    [
        *INPUT_SCHEMA,
        pa.field("first_seen_at", TIME, nullable=False),
        ("views_at_horizon", pa.int64()),
        ("horizon_at", TIME),
        ("label", pa.string()),
        ("predicted_class", pa.string()),
        ("predicted_score", pa.float64()),
        ("predicted_version", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        ("flag", pa.string()),
        pa.field("split", pa.string(), nullable=False),
    ]
)
