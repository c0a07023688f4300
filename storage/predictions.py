"""Predictions that the services gave, as the recorder ships them: in batches, each maybe more than once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Connection, Engine

from config.errors import InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import transaction
from storage.erasure import erased_while_adding
from storage.rows import storable

logger = logging.getLogger(__name__)

#: What names a person in what a service was asked.
_PERSON = ("user_id", "creator_id")
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


def insert_predictions(
    engine: Engine,
    rows: Sequence[Mapping[str, Any]],
    *,
    settings: Settings | None = None,
    also: SQL | Composed | None = None,
) -> int:
    """Store predictions; one whose ``id`` is there already is left as it is.

    Those of forgotten people are left out, and logged as a number: a queue on disk may outlast an erasure.

    Args:
        engine: the platform's database.
        rows: with ``id`` (UUID or its text), ``family``, ``entity_id`` (or None), ``at``, ``inputs`` and
            ``answer`` (mappings), ``model_version`` (or None), ``latency_ms``, ``received_at``. Times are
            datetimes with time zone or ISO texts.
        settings: with the key by which forgotten people are known; None: nobody is looked for.
        also: a statement of the same transaction that takes the ids of the stored predictions, for a family
            that keeps more of them.

    Returns:
        How many were new.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row, and nothing is stored.
        DatabaseUnavailable: the server cannot be reached.
    """
    if not rows:
        return 0
    checked = checked_predictions(rows)
    with transaction(engine) as connection, cursor(connection) as cur:
        columns = as_columns(remembered(connection, checked, rows, settings))
        new = cur.execute(INSERT, columns).rowcount
        if also is not None:
            cur.execute(also, (columns[0],))
        return new


def checked_predictions(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` with the fields of :data:`FIELDS`, as they are stored.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row.
    """
    return [_row(number, row) for number, row in enumerate(rows)]


def as_columns(checked: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The parameters of :data:`INSERT`: a list a column of :data:`FIELDS`."""
    return [[row[name] for row in checked] for name in FIELDS]


def remembered(
    connection: Connection,
    checked: Sequence[dict[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    settings: Settings | None,
) -> Sequence[dict[str, Any]]:
    """Those of ``checked`` that are about nobody who was forgotten, by what ``rows`` say."""
    if settings is None:
        return checked
    people = [_people(row, settings.style_photo_bucket) for row in rows]
    erased = erased_while_adding(connection, settings, sorted(set[str]().union(*people)))
    kept = [row for row, those in zip(checked, people, strict=True) if those.isdisjoint(erased)]
    if len(kept) < len(checked):
        logger.info("%d predictions of forgotten people were not taken in", len(checked) - len(kept))
    return kept


def _people(row: Mapping[str, Any], bucket: str) -> set[str]:
    """Whom a prediction is about: its entity, the user or creator asked about, and whose photos were given."""
    inputs = row["inputs"]
    photos = inputs.get("photos")
    keys = [key for key in photos if isinstance(key, str)] if isinstance(photos, list | tuple) else []
    owners = [key.strip().lstrip("/").removeprefix(f"{bucket}/").lstrip("/").partition("/")[0] for key in keys]
    named = (row.get("entity_id"), *(inputs.get(name) for name in _PERSON), *owners)
    return {storable(str(person)) for person in named if person is not None and person != ""}


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
            "family": storable(str(row["family"])),
            "entity_id": _text(row.get("entity_id")),
            "at": time_of(row["at"]),
            "inputs": json_text(row["inputs"]),
            "answer": json_text(row["answer"]),
            "model_version": _text(row.get("model_version")),
            "latency_ms": None if row.get("latency_ms") is None else max(0.0, float(row["latency_ms"])),
            "received_at": time_of(row["received_at"]),
        }
    except KeyError as error:
        raise InputError(f"Prediction {number} of the batch has no field {error}.") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"Prediction {number} of the batch is not usable: {error}.") from None


def time_of(value: Any) -> datetime:
    """A datetime with time zone, or its ISO text, as the former. Raises ValueError for anything else."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError(f"{value!r} is not a time with time zone")
    return at


def _text(value: Any) -> str | None:
    return None if value is None else storable(str(value))


def json_text(value: Any) -> str:
    """A mapping as JSON that PostgreSQL can hold. Raises TypeError for anything else."""
    if not isinstance(value, Mapping):
        raise TypeError("inputs and answer are mappings")
    try:
        found = _dumped(value)
    except TypeError:  # half of a surrogate pair, or a key that is no text
        return _dumped(storable(value)).decode()
    # to look through each value takes several times as long as writing it, and hardly any has such a character
    return (_dumped(storable(value)) if b"\\u0000" in found else found).decode()


def _dumped(value: Any) -> bytes:
    # NaN and infinities become null: JSON has no word for them.
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)
