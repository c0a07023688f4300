"""Predictions that the services gave, as the recorder ships them: in batches, each maybe more than once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from storage.copying import cursor
from storage.database import transaction

#: field -> the type of its column. One statement, an array a column: no temporary table for each small batch.
FIELDS = {
    "id": "uuid",
    "family": "text",
    "entity_id": "text",
    "at": "timestamptz",
    "inputs": "text",
    "answer": "text",
    "model_version": "text",
    "latency_ms": "float8",
    "received_at": "timestamptz",
}
INSERT = SQL(
    """
    insert into predictions ({columns})
    select id, family, entity_id, at, inputs::jsonb, answer::jsonb, model_version, latency_ms, received_at
    from unnest({arrays}) as row ({columns}) order by id
    on conflict (id) do nothing
    """
).format(
    columns=SQL(", ").join(map(Identifier, FIELDS)),
    arrays=SQL(", ").join(SQL("%s::{}[]").format(SQL(kind)) for kind in FIELDS.values()),
)


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
    columns = prediction_columns(rows)
    with transaction(engine) as connection, cursor(connection) as cur:
        return cur.execute(INSERT, columns).rowcount


def prediction_columns(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The parameters of :data:`INSERT` for ``rows``: a list a column of :data:`FIELDS`.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row.
    """
    checked = [_row(number, row) for number, row in enumerate(rows)]
    return [[row[name] for row in checked] for name in FIELDS]


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
            "family": _storable(str(row["family"])),
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
