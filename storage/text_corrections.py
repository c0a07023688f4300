"""Labels that people give to texts whose answer was wrong: rows of ``text_labels`` that families learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.settings import Settings
from storage.copying import cursor
from storage.database import transaction
from storage.erasure import erased_while_adding
from storage.rows import storable

COLUMNS = (
    "family", "text_id", "text", "label", "predicted", "language", "group_id", "user_id", "at", "labelled_at",
    "labelled_by", "source",
)  # fmt: skip
_KEY = ("family", "text_id")
UPSERT = SQL(
    """
    insert into text_labels as l ({columns}) values ({values})
    on conflict (family, text_id) do update set {sets} where l.labelled_at <= excluded.labelled_at
    """
).format(
    columns=SQL(", ").join(map(Identifier, COLUMNS)),
    values=SQL(", ").join(SQL("%({})s").format(SQL(name)) for name in COLUMNS),
    sets=SQL(", ").join(
        SQL("{0} = excluded.{0}").format(Identifier(name)) for name in COLUMNS if name not in _KEY
    ),
)


def text_id_of(text: str) -> str:
    """The id of a text that has none, the same as an imported file's row of it gets
    (:func:`models.convert.hashed_ids`).
    """
    return "h" + hashlib.sha256(f"{text.strip()}\x1f".encode()).hexdigest()[:20]


def store_correction(
    engine: Engine, row: Mapping[str, Any], at: datetime, *, settings: Settings | None = None
) -> bool:
    """Keep the label that a person gave to a text; a later one of the same text takes its place.

    Args:
        engine: the platform's database.
        row: with ``family``, ``text``, ``label``, ``labelled_by`` and what there is of ``text_id`` (default: of
            the text), ``predicted``, ``language``, ``group_id``, ``user_id``, ``at`` (the moment of the text).
        at: now, UTC.
        settings: with the key by which forgotten people are known; None: nobody is looked for.

    Returns:
        False: the text's author was forgotten, and nothing is kept.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    text = storable(row["text"])
    values = {name: storable(row.get(name)) for name in COLUMNS} | {
        "text": text, "text_id": row.get("text_id") or text_id_of(text), "at": row.get("at") or at,
        "labelled_at": at, "source": "correction",
    }  # fmt: skip
    person = values["user_id"]
    with transaction(engine) as connection, cursor(connection) as cur:
        if settings is not None and person and erased_while_adding(connection, settings, [person]):
            return False
        cur.execute(UPSERT, values)
    return True
