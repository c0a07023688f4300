"""Recorded predictions as rows of a family's schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from models.convert import convert


def objects(column: pa.ChunkedArray) -> list[Mapping[str, Any]]:
    """JSON texts as mappings; one that is none is empty."""
    found = []
    for text in column.to_pylist():
        try:
            value = json.loads(text) if text else {}
        except ValueError:
            value = {}
        found.append(value if isinstance(value, Mapping) else {})
    return found


def asked_rows(records: pa.Table, schema: pa.Schema, entity: str, time: str) -> pa.Table:
    """The ``inputs`` of predictions as a table of ``schema``, every field nullable; what does not fit is null.

    Args:
        records: columns of ``Watch.asked``.
        schema: of the family's rows.
        entity: the column that takes ``entity_id``.
        time: the column that takes ``at``.
    """
    asked = objects(records["inputs"])
    columns = []
    for field in schema:
        if field.name == time:
            columns.append(convert(records["at"], field.type))
        elif field.name == entity:
            columns.append(records["entity_id"].cast(field.type))
        else:
            columns.append(_column([row.get(field.name) for row in asked], field.type))
    return pa.table(columns, schema=pa.schema([field.with_nullable(True) for field in schema]))


def _column(values: list[Any], kind: pa.DataType) -> Any:
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or all(value is None for value in values):
        return pa.nulls(len(values), kind)
    return convert(pa.array([None if value is None else str(value) for value in values], pa.string()), kind)
