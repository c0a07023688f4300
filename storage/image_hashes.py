"""Pictures that a family has taken in, by what tells them apart: their bytes, and what they look like."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import pyarrow as pa
from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

SEEN = pa.schema(
    [("image", pa.string()), ("sha256", pa.string()), ("phash", pa.int64()), ("entity", pa.string())]
)


class ImageRecord(NamedTuple):
    """A picture: its key, its bytes' SHA-256, its perceptual hash, and whose it is.

    ``phash`` is None where later ones are not to be compared with it: it cannot be opened, or it is itself a
    duplicate of one that is compared.
    """

    image: str
    sha256: str
    phash: int | None
    entity: str | None


def seen_before(family: str, day: date) -> Composable:
    """The query of the pictures of gold and of days before ``day``, in columns of ``SEEN``, oldest first."""
    return SQL(
        """
        select image, sha256, phash, entity from image_hashes
        where family = {family} and (day is null or day < {day})
        order by day nulls first, image, sha256
        """
    ).format(family=Literal(family), day=Literal(day))


def record_images(engine: Engine, family: str, day: date | None, images: Iterable[ImageRecord]) -> int:
    """Make the pictures of ``day`` (None: gold) those of ``images``; returns how many were added or removed.

    One that an earlier day has keeps that day. Doing it again changes nothing.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    values = {"family": family, "day": day}
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(_STAGE)
        with cur.copy("copy stage_images (image, sha256, phash, entity) from stdin") as copy:
            for image in images:
                copy.write_row(image)
        # whatever the plan, no row is compared with every other one
        cur.execute("create index on stage_images (image, sha256)")
        cur.execute("analyze stage_images")
        changed = cur.execute(_REMOVE, values).rowcount + cur.execute(_ADD, values).rowcount
        cur.execute("drop table stage_images")
    return changed


_STAGE = """
    create temporary table stage_images on commit drop as
    select image, sha256, phash, entity from image_hashes limit 0
"""
_REMOVE = """
    delete from image_hashes known where family = %(family)s and day is not distinct from %(day)s
    and not exists (select from stage_images s where s.image = known.image and s.sha256 = known.sha256)
"""
# A day that is collected after later ones takes its pictures over from them.
_ADD = """
    insert into image_hashes as known (family, image, sha256, phash, entity, day)
    select distinct on (image, sha256) %(family)s, image, sha256, phash, entity, %(day)s::date
    from stage_images order by image, sha256
    on conflict (family, image, sha256) do update
    set phash = excluded.phash, entity = excluded.entity, day = excluded.day
    where known.day is not null and (excluded.day is null or excluded.day <= known.day)
        and (known.phash, known.entity, known.day)
            is distinct from (excluded.phash, excluded.entity, excluded.day)
"""
