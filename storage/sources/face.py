"""What the face service said about users' photos, the photos themselves, and those taken in before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import pyarrow as pa
from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Engine

from config.errors import InputError
from storage.copying import copy_out, cursor
from storage.database import transaction
from storage.fetching import PhotoStore, fetch
from storage.image_hashes import SEEN, seen_before

__all__ = ["USER_STYLES", "fetch", "late_days", "photo_key", "read"]

#: An answer that waited longer on a disk is collected by who asks for its day.
LATEST = timedelta(days=31)
#: A collection reads before it publishes: what came in up to so long before that may not be in it.
READING = timedelta(hours=1)

TIME = pa.timestamp("us", tz="UTC")
#: One row a photo. ``probabilities`` is JSON, ``sha256`` that of the bytes which the service saw.
USER_STYLES = pa.schema(
    [
        pa.field("photo", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("at", TIME, nullable=False),
        ("prediction_id", pa.string()),
        ("predicted_class", pa.string()),
        ("confidence", pa.float64()),
        ("margin", pa.float64()),
        ("probabilities", pa.string()),
        ("model_version", pa.string()),
        ("sha256", pa.string()),
    ]
)


def read(
    engine: Engine, start: datetime, end: datetime, *, photos: PhotoStore | None, bucket: str, day: date
) -> dict[str, Any]:
    """What is known of ``start <= at < end``.

    Returns:
        ``user_styles``: columns of ``USER_STYLES``, in order of (at, photo, prediction_id).
        ``photos``: (keys, max_bytes) -> :class:`storage.fetching.Fetched` of each key, in their order, a few
            at a time.
        ``seen``: columns of ``storage.image_hashes.SEEN``: gold, and what was collected for earlier days.

    Raises:
        InputError: there is no photo store.
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    if photos is None:
        raise InputError("Face is collected from photos.", hint="Pass the store of STYLE_PHOTO_BUCKET.")
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        answers = copy_out(cur, _answers(start, end), _ANSWERS)
        seen = copy_out(cur, seen_before("face", day), SEEN)
    rows = [_row(answer, bucket) for answer in answers.to_pylist()]
    rows.sort(key=lambda row: (row["at"], row["photo"], row["prediction_id"]))
    return {
        "user_styles": pa.Table.from_pylist(rows, USER_STYLES),
        "photos": partial(fetch, photos),
        "seen": seen,
    }


def late_days(engine: Engine, start: datetime, end: datetime) -> list[date]:
    """Days before ``start`` of which answers came in during ``start <= t < end``: they waited on a service's
    disk over midnight. Days collected after that are left out, and those before the first that ever was.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    values = {"start": start, "end": end, "latest": LATEST, "reading": READING}
    with transaction(engine) as connection, cursor(connection) as cur:
        return [day for (day,) in cur.execute(_LATE, values)]


_LATE = """
    with late as (
        select (at at time zone 'UTC')::date as day, max(inserted_at) as inserted_at
        from user_styles
        -- what began to come in before midnight may have come in after the collection had read
        where inserted_at >= %(start)s - %(reading)s and inserted_at < %(end)s
            and at < %(start)s and at >= %(start)s - %(latest)s
        group by 1
    ), collected as (
        select period::date as day, max(published_at) as published_at
        from dataset_versions where family = 'face' and stage = 'candidates' group by 1
    )
    select day from late left join collected using (day)
    where day >= (select min(day) from collected)
        and (published_at is null or published_at < inserted_at + %(reading)s)
    order by day
"""


def photo_key(key: str, bucket: str) -> str:
    """The key in the bucket, written down with the bucket's name or a slash in front, or without."""
    return key.strip().lstrip("/").removeprefix(f"{bucket}/").lstrip("/")


_ANSWERS = pa.schema(
    [
        ("photo", pa.string()),
        ("user_id", pa.string()),
        ("at", TIME),
        ("prediction_id", pa.string()),
        ("style_class", pa.string()),
        ("confidence", pa.float64()),
        ("model_version", pa.string()),
        ("entry", pa.string()),
    ]
)


def _answers(start: datetime, end: datetime) -> Composable:
    """A row a photo, with the entry of ``results`` that stands at its place."""
    return SQL(
        """
        select photo, user_id, at, id::text as prediction_id, style_class, confidence, model_version,
            case jsonb_typeof(results -> 'photos') when 'array' then results -> 'photos' -> (place - 1)::int
                else results -> (place - 1)::int end as entry
        from user_styles, unnest(photos) with ordinality as listed (photo, place)
        where at >= {start} and at < {end} and photo <> ''
        order by at, id, place
        """
    ).format(start=Literal(start), end=Literal(end))


def _row(answer: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    """What was said of one photo; where nothing is said of it alone, what was said of the user's photos."""
    entry = orjson.loads(answer["entry"]) if answer["entry"] else None
    known = isinstance(entry, dict)
    said: Mapping[str, Any] = entry if known else {}  # type: ignore[assignment]
    chances = _chances(said.get("probabilities"))
    ordered = sorted(chances.values(), reverse=True)
    return {
        "photo": photo_key(answer["photo"], bucket),
        "user_id": answer["user_id"],
        "at": answer["at"],
        "prediction_id": answer["prediction_id"],
        "predicted_class": _text(said.get("class")) if known else answer["style_class"],
        "confidence": _number(said.get("confidence")) if known else answer["confidence"],
        "margin": ordered[0] - ordered[1] if len(ordered) > 1 else None,
        "probabilities": orjson.dumps(chances, option=orjson.OPT_SORT_KEYS).decode() if chances else None,
        "model_version": answer["model_version"],
        "sha256": _text(said.get("sha256")),
    }


def _chances(value: Any) -> dict[str, float]:
    found = {name: _number(chance) for name, chance in value.items()} if isinstance(value, dict) else {}
    return {name: chance for name, chance in found.items() if chance is not None}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
