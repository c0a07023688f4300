"""What the face service said about users' photos, in ``user_styles``, beside the predictions themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.sql import SQL
from sqlalchemy import Engine

from config.settings import Settings
from storage.predictions import insert_predictions

#: Out of the predictions with those ids, as they are stored: one source for both tables, and nothing twice.
#: ``results`` is an object whose ``photos`` has each entry at the place of its photo.
INSERT_STYLES = SQL(
    """
    insert into user_styles (id, user_id, photos, style_class, confidence, model_version, results, at)
    select
      id,
      entity_id,
      array(select jsonb_array_elements_text(coalesce(inputs -> 'photos', '[]'))),
      answer ->> 'class',
      (answer ->> 'confidence')::float8,
      model_version,
      jsonb_build_object('photos', coalesce(answer -> 'photos', '[]')),
      at
    from predictions
    where id = any(%s::uuid[]) and family = 'face' and entity_id is not null
    order by id
    on conflict (id) do nothing
    """
)


def insert_face_predictions(
    engine: Engine, rows: Sequence[Mapping[str, Any]], *, settings: Settings | None = None
) -> int:
    """Store predictions of the face service, and for each that has a user a row in ``user_styles``.

    Both in one transaction; what is there already is left as it is. ``inputs`` has ``photos`` (keys, maybe
    none), ``answer`` has ``class``, ``confidence`` and ``photos`` (one entry an image). Those of forgotten
    people are left out, as in :func:`storage.predictions.insert_predictions`.

    Returns:
        How many predictions were new.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row, and nothing is stored.
        DatabaseUnavailable: the server cannot be reached.
    """
    return insert_predictions(engine, rows, settings=settings, also=INSERT_STYLES)
