"""The columns of the viral family: one name everywhere, from CSV to feature matrix."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TIME = pa.timestamp("us", tz="UTC")

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


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with exactly the columns of ``schema``: absent ones null, others cast, unknown ones dropped."""
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = table[field.name]
            if column.type != field.type:
                column = column.cast(field.type)
        else:
            column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
        columns.append(column)
    return pa.table(columns, schema=schema)


def epoch_us(column: Any) -> Any:
    """A timestamp column as int64 microseconds since 1970 (nulls stay null)."""
    return pc.cast(pc.cast(column, TIME), pa.int64())


def take_rows(table: pa.Table, rows: Any) -> pa.Table:
    """Rows of ``table`` by an index or boolean NumPy array."""
    if rows.dtype == bool:
        return table.filter(pa.array(rows))
    return table.take(pa.array(rows))
