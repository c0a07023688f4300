"""Predictions that the services gave, as the recorder ships them: in batches, each maybe more than once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy import Engine

from config.errors import InputError
from storage.copying import copy_in, cursor
from storage.database import transaction
from storage.snapshot_schema import TIME

ROW = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        ("entity_id", pa.string()),
        pa.field("at", TIME, nullable=False),
        pa.field("inputs", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        ("model_version", pa.string()),
        ("latency_ms", pa.float64()),
        pa.field("received_at", TIME, nullable=False),
    ]
)
STAGE = "create temporary table stage (like predictions including defaults) on commit drop"
MOVE = """
    insert into predictions select * from (select distinct on (id) * from stage order by id) as once
    on conflict (id) do nothing
"""


def insert_predictions(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store predictions; one whose ``id`` is there already is left as it is.

    Args:
        engine: the platform's database.
        rows: with ``id`` (UUID or its text), ``family``, ``entity_id`` (or None), ``at``, ``inputs`` and
            ``answer`` (mappings), ``model_version`` (or None), ``latency_ms``, ``received_at``. Times are
            datetimes with time zone or ISO texts.

    Returns:
        How many were new.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row, and nothing is stored.
        DatabaseUnavailable: the server cannot be reached.
    """
    if not rows:
        return 0
    table = pa.Table.from_pylist([_row(number, row) for number, row in enumerate(rows)], schema=ROW)
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(STAGE)
        copy_in(cur, "stage", table)
        inserted = cur.execute(MOVE).rowcount
        cur.execute("drop table stage")
    return inserted


def count_predictions(engine: Engine, family: str, start: datetime, end: datetime) -> int:
    """How many predictions of ``family`` were given in ``start <= at < end``."""
    query = "select count(*) from predictions where family = %s and at >= %s and at < %s"
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, (family, start, end)).fetchone()
    return int(found[0]) if found else 0


def _row(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {
            "id": str(uuid.UUID(str(row["id"]))),
            "family": str(row["family"]),
            "entity_id": _text(row.get("entity_id")),
            "at": _time(row["at"]),
            "inputs": _json(row["inputs"]),
            "answer": _json(row["answer"]),
            "model_version": _text(row.get("model_version")),
            "latency_ms": None if row.get("latency_ms") is None else max(0.0, float(row["latency_ms"])),
            "received_at": _time(row["received_at"]),
        }
    except KeyError as error:
        raise InputError(f"Prediction {number} of the batch has no field {error}.") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"Prediction {number} of the batch is not usable: {error}.") from None


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError(f"{value!r} is not a time with time zone")
    return at


def _text(value: Any) -> str | None:
    return None if value is None else _storable(str(value))


def _storable(value: Any) -> Any:
    """``value`` without what jsonb and text cannot hold: the character NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _json(value: Any) -> str:
    if not isinstance(value, Mapping):
        raise TypeError("inputs and answer are mappings")
    # NaN and infinities become null: JSON has no word for them.
    return orjson.dumps(
        _storable(value), default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z
    ).decode()
