"""The columns of the recommendation family: examples, questions that measure, and rows of an import."""

from __future__ import annotations

import pyarrow as pa

from models.columns import TIME

#: ``kind`` of a row that describes an item; any other kind is an interaction.
ITEM = "item"

#: What is known of an item; filled on rows of the kind ``item``.
ITEM_FIELDS = [
    pa.field("author_id", pa.string()),
    pa.field("text", pa.string()),
    pa.field("tags", pa.list_(pa.string())),
    pa.field("category", pa.string()),
    pa.field("language", pa.string()),
    pa.field("published_at", TIME),
    pa.field("removed", pa.bool_()),
]
#: One interaction, or the description of one item. ``user_id`` of a description is its author (or the item
#: itself, where there is none), so that whoever is forgotten takes their items along. ``known_at`` is when the
#: platform learned of it.
EXAMPLE_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("known_at", TIME, nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("item_kind", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("watch_share", pa.float32()),
        pa.field("region", pa.string()),
        *ITEM_FIELDS,
        pa.field("predicted_version", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        ("label", pa.string()),
        ("flag", pa.string()),
        pa.field("split", pa.string(), nullable=False),
    ]
)
#: A user at the moment of the cut, with what was known then, and (to measure) the new items of the time after.
QUESTION_SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("item_kind", pa.string(), nullable=False),
        pa.field("history_items", pa.list_(pa.string()), nullable=False),
        pa.field("history_kinds", pa.list_(pa.string()), nullable=False),
        pa.field("history_at", pa.list_(pa.int64()), nullable=False),
        pa.field("history_shares", pa.list_(pa.float32()), nullable=False),
        pa.field("exclude", pa.list_(pa.string())),
        pa.field("region", pa.string()),
        pa.field("language", pa.string()),
        pa.field("category", pa.string()),
        pa.field("truth", pa.list_(pa.string())),
        pa.field("split", pa.string(), nullable=False),
    ]
)
#: A row of an import: an interaction, with what the file tells of its item; or, in a file without users, the
#: description of one item (``kind`` is then :data:`ITEM`, ``user_id`` null). ``id`` is null where the file has
#: none; in rows that are only measured ``at`` may be null too.
INTERACTION_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("at", TIME),
        pa.field("user_id", pa.string()),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("item_kind", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("watch_share", pa.float32()),
        pa.field("region", pa.string()),
        pa.field("recommendation_id", pa.string()),
        *ITEM_FIELDS,
    ]
)
