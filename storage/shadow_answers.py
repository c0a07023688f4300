"""What versions said that were asked unseen, as the services ship it: in batches, each maybe more than once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import transaction
from storage.erasure import erased_while_adding
from storage.predictions import json_text, time_of
from storage.rows import storable

FIELDS = {
    "id": "uuid",
    "model_version": "text",
    "family": "text",
    "entity_id": "text",
    "at": "timestamptz",
    "answer": "text",
    "latency_ms": "float8",
    "received_at": "timestamptz",
}
_INSERT = SQL(
    """
    insert into shadow_answers ({columns})
    select id, model_version, family, entity_id, at, answer::jsonb, latency_ms, received_at
    from unnest({arrays}) as row ({columns}) order by id
    on conflict (id, model_version) do nothing
    """
).format(
    columns=SQL(", ").join(map(Identifier, FIELDS)),
    arrays=SQL(", ").join(SQL("%s::{}[]").format(SQL(kind)) for kind in FIELDS.values()),
)


def insert_shadow_answers(
    engine: Engine, rows: Sequence[Mapping[str, Any]], *, settings: Settings | None = None
) -> int:
    """Store answers; one of the same ``id`` and version that is there already is left as it is.

    Those about forgotten people are left out: a queue on disk may outlast an erasure.

    Args:
        engine: the platform's database.
        rows: with the fields of :data:`FIELDS`, and ``people``: whom each is about, beside its entity. ``id``
            is that of the prediction that was given.
        settings: with the key by which forgotten people are known; None: nobody is looked for.

    Returns:
        How many were new.

    Raises:
        InputError: a row lacks a field or has a wrong one; nothing is stored.
        DatabaseUnavailable: the server cannot be reached.
    """
    if not rows:
        return 0
    checked = [_row(number, row) for number, row in enumerate(rows)]
    with transaction(engine) as connection, cursor(connection) as cur:
        if settings is not None:
            people = [_people(row) for row in rows]
            erased = erased_while_adding(connection, settings, sorted(set[str]().union(*people)))
            checked = [row for row, those in zip(checked, people, strict=True) if those.isdisjoint(erased)]
        return cur.execute(_INSERT, [[row[name] for row in checked] for name in FIELDS]).rowcount


def _people(row: Mapping[str, Any]) -> set[str]:
    return {storable(str(one)) for one in (row.get("entity_id"), *row.get("people", ())) if one}


def _row(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        entity, latency = row.get("entity_id"), row.get("latency_ms")
        received: datetime = time_of(row["received_at"])
        return {
            "id": str(uuid.UUID(str(row["id"]))),
            "model_version": storable(str(row["model_version"])),
            "family": storable(str(row["family"])),
            "entity_id": None if entity is None else storable(str(entity)),
            "at": time_of(row["at"]),
            "answer": json_text(row["answer"]),
            "latency_ms": None if latency is None else max(0.0, float(latency)),
            "received_at": received,
        }
    except KeyError as error:
        raise InputError(f"Shadow answer {number} of the batch has no field {error}.") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"Shadow answer {number} of the batch is not usable: {error}.") from None
