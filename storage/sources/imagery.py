"""Pictures that a person has reviewed, for image moderation, and the pictures themselves."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Engine

from config.errors import InputError
from storage.copying import copy_out, cursor
from storage.database import transaction
from storage.fetching import PhotoStore, fetch

TIME = pa.timestamp("us", tz="UTC")
#: One row a picture and review. ``labels`` are those of the review, joined by ``+``; ``pictures`` counts those
#: of the decision; ``scores`` and ``reasons`` are its JSON; ``disputed``: another reviewer saw it otherwise.
REVIEWED = pa.schema(
    [
        pa.field("image", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("decision_id", pa.string(), nullable=False),
        ("content_id", pa.string()),
        ("content_kind", pa.string()),
        ("model_version", pa.string()),
        pa.field("pictures", pa.int64(), nullable=False),
        ("scores", pa.string()),
        ("reasons", pa.string()),
        pa.field("decision", pa.string(), nullable=False),
        ("labels", pa.string()),
        pa.field("verified_by", pa.string(), nullable=False),
        pa.field("verified_at", TIME, nullable=False),
        pa.field("disputed", pa.bool_(), nullable=False),
    ]
)


def read(engine: Engine, start: datetime, end: datetime, *, photos: PhotoStore | None) -> dict[str, Any]:
    """The pictures of decisions whose latest review of ``start <= at < end`` (both with time zone).

    Where nobody is named as the creator, the content stands in (``content/<id>``), so that its pictures are on
    one side of the split.

    Returns:
        ``reviewed``: columns of ``REVIEWED``, in order of (verified_at, decision_id, image).
        ``photos``: (keys, max_bytes) -> :class:`storage.fetching.Fetched` for each key, in their order, a few
        at a time.

    Raises:
        InputError: there is no store of pictures.
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    if photos is None:
        raise InputError("Imagery is collected from pictures.", hint="Pass the store that open_photos gives.")
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        reviewed = copy_out(cur, _reviewed(start, end), REVIEWED)
    return {"reviewed": reviewed, "photos": partial(fetch, photos)}


def _reviewed(start: datetime, end: datetime) -> Composable:
    return SQL(
        """
        with latest as (
            select distinct on (decision_id) * from moderation_reviews
            where at >= {start} and at < {end} order by decision_id, at desc, id desc
        )
        select image, coalesce(d.creator_id, 'content/' || coalesce(d.content_id, d.id::text)) as user_id,
            d.at, d.id::text as decision_id, d.content_id, d.content_kind, d.image_version as model_version,
            (select count(distinct image) from unnest(d.images) as every (image)) as pictures,
            d.scores::text as scores, d.reasons::text as reasons,
            r.decision, array_to_string(r.labels, '+') as labels,
            r.reviewer as verified_by, r.at as verified_at,
            exists (
                select from moderation_reviews o
                where o.decision_id = r.decision_id and o.reviewer <> r.reviewer and o.at < {end}
                and (('nsfw' = any(o.labels)) <> ('nsfw' = any(r.labels))
                    or ('violence' = any(o.labels)) <> ('violence' = any(r.labels)))
            ) as disputed
        from latest r join moderation_decisions d on d.id = r.decision_id
        cross join lateral (select distinct image from unnest(d.images) as listed (image)) listed
        order by verified_at, decision_id, image
        """
    ).format(start=Literal(start), end=Literal(end))
