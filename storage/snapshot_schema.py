"""The columns of engagement snapshots, as import and reading name them, and which table holds which."""

from __future__ import annotations

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")

#: Known anew with each snapshot: table ``engagement_snapshots``.
COUNTS = pa.schema(
    [
        pa.field("views", pa.int64(), nullable=False),
        ("likes", pa.int64()),
        ("comments", pa.int64()),
        ("shares", pa.int64()),
        ("bookmarks", pa.int64()),
        ("creator_followers", pa.int64()),
        ("creator_following", pa.int64()),
        ("creator_videos", pa.int64()),
        ("creator_verified", pa.bool_()),
        ("sound_uses", pa.int64()),
    ]
)
#: The description of a video: table ``videos``.
DESCRIPTION = pa.schema(
    [
        ("creator_id", pa.string()),
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
    ]
)
KEY = pa.schema([pa.field("video_id", pa.string(), nullable=False), pa.field("taken_at", TIME, nullable=False)])

#: What an import brings.
SNAPSHOTS = pa.schema([*KEY, *COUNTS, *DESCRIPTION])
#: What is read back: the same, and when the video was first seen at all.
SNAPSHOTS_READ = pa.schema([*SNAPSHOTS, pa.field("first_seen_at", TIME, nullable=False)])
