"""What the service recorded: the inputs of a prediction as a row, and its answer beside the snapshot's row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from config.errors import InputError
from models.columns import TIME, conform
from models.convert import convert
from models.viral.schema import EXAMPLE_SCHEMA, INPUT_SCHEMA

ANSWER_SCHEMA = pa.schema(
    [EXAMPLE_SCHEMA.field(n) for n in ("predicted_class", "predicted_score", "predicted_version", "source")]
)
_ROW_SCHEMA = pa.schema([*INPUT_SCHEMA, *ANSWER_SCHEMA])


def read_predictions(recorded: pa.Table | None) -> pa.Table:
    """Recorded predictions that name their video, as input columns and ``predicted_*``; of several with one
    key, the latest recorded stands.
    """
    if recorded is None or recorded.num_rows == 0:
        return _ROW_SCHEMA.empty_table()
    rows = [_row(record) for record in recorded.to_pylist() if record["video_id"] and record["taken_at"]]
    unique = {(row["video_id"], row["taken_at"]): row for row in rows if row["views"] is not None}
    columns = {
        field.name: _column([row.get(field.name) for row in unique.values()], field.type)
        for field in _ROW_SCHEMA
    }
    return pa.table(columns).cast(_ROW_SCHEMA)


def join_predictions(observed: pa.Table, predictions: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows to make examples of, and what was answered for each.

    A prediction made of a stored snapshot (same video, same time) adds its answer to that snapshot's row; any
    other becomes a row of its own, with the inputs that the model was given.

    Returns:
        (rows with the input columns, rows of ``ANSWER_SCHEMA``), of equal length.
    """
    keys = list(
        zip(observed["video_id"].to_pylist(), observed["taken_at"].cast(pa.int64()).to_pylist(), strict=True)
    )
    asked_keys = zip(
        predictions["video_id"].to_pylist(), predictions["taken_at"].cast(pa.int64()).to_pylist(), strict=True
    )
    at = {key: row for row, key in enumerate(asked_keys)}
    stored = set(keys)
    alone = [row for key, row in at.items() if key not in stored]
    joined = predictions.take(pa.array([at.get(key) for key in keys], pa.int64())).select(
        ANSWER_SCHEMA.names[:-1]
    )
    joined = joined.append_column("source", pa.array(["snapshot"] * len(keys), pa.string()))
    extra = predictions.take(pa.array(alone, pa.int64()))
    asked = pa.concat_tables([conform(observed, INPUT_SCHEMA_NULLABLE), conform(extra, INPUT_SCHEMA_NULLABLE)])
    answers = pa.concat_tables([conform(joined, ANSWER_SCHEMA), conform(extra, ANSWER_SCHEMA)])
    return asked.combine_chunks(), answers.combine_chunks()


INPUT_SCHEMA_NULLABLE = pa.schema([field.with_nullable(True) for field in INPUT_SCHEMA])


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    inputs, answer = _object(record["inputs"]), _object(record["answer"])
    return {
        **{name: inputs.get(name) for name in INPUT_SCHEMA.names},
        "video_id": record["video_id"],
        "taken_at": record["taken_at"],
        "predicted_class": answer.get("viral_class"),
        "predicted_score": _number(answer.get("viral_score")),
        "predicted_version": record.get("version")
        or record.get("model_version")
        or answer.get("model_version"),
        "source": "prediction",
    }


def _object(value: Any) -> Mapping[str, Any]:
    found = json.loads(value) if isinstance(value, str | bytes) else value
    if not isinstance(found, Mapping):
        raise InputError("A recorded prediction's inputs or answer is no JSON object.")
    return found


def _column(values: list[Any], kind: pa.DataType) -> Any:
    """Values out of JSON as one column of ``kind``; what does not fit is null."""
    if kind == TIME:
        texts = [v.isoformat() if hasattr(v, "isoformat") else None if v is None else str(v) for v in values]
        return convert(pa.array(texts, pa.string()), kind)
    texts = [None if v is None else str(v) for v in values]
    return convert(pa.array(texts, pa.string()), kind)
