"""The columns of the text families: one name everywhere, from a file to an example."""

from __future__ import annotations

import pyarrow as pa

from models.columns import TIME

#: A labelled text as a file gives it, and as ``text_labels`` keeps it.
TEXT_SCHEMA = pa.schema(
    [
        pa.field("text_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        ("predicted", pa.string()),
        ("language", pa.string()),
        ("group_id", pa.string()),
        ("user_id", pa.string()),
        ("at", TIME),
        ("labelled_at", TIME),
        ("labelled_by", pa.string()),
    ]
)

#: One labelled text of a family. ``group`` holds together what must be on one side of the split.
EXAMPLE_SCHEMA = pa.schema(
    [
        pa.field("text_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        ("language", pa.string()),
        pa.field("group", pa.string(), nullable=False),
        ("user_id", pa.string()),
        pa.field("at", TIME, nullable=False),
        # the label that was predicted, its probability, and its lead over the second
        ("predicted", pa.string()),
        ("confidence", pa.float64()),
        ("margin", pa.float64()),
        ("model_version", pa.string()),
        # why an admin should look, or null
        ("flag", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        ("labelled_by", pa.string()),
        ("labelled_at", TIME),
        pa.field("source", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
    ]
)

#: What a source of labelled texts gives: a row a text, with what was predicted of it, and whether two
#: reviewers disagree about it.
LABELLED_SCHEMA = pa.schema(
    [
        *TEXT_SCHEMA,
        ("confidence", pa.float64()),
        ("margin", pa.float64()),
        ("model_version", pa.string()),
        ("source", pa.string()),
        ("disputed", pa.bool_()),
    ]
)

#: What a predictor may be asked with; only ``text`` is needed.
INPUT_SCHEMA = pa.schema([pa.field("text", pa.string()), ("language", pa.string())])
