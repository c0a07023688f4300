"""What is kept of a person's content in the store of artifacts: pictures of decisions, thumbnails, captions."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction
from storage.moderation_images import PREFIX
from storage.objects import ObjectStore

#: Results of media work lie below this, in a folder for each job.
MEDIA = "media/"
#: Pictures that decisions about the person name, and no decision about anybody else.
_PICTURES = """
    with theirs as (
        select id, images from moderation_decisions
        where creator_id = %(person)s
            or content_id in (select id from contents where creator_id = %(person)s)
    )
    select distinct key from theirs, unnest(images) as listed (key)
    where starts_with(key, %(prefix)s) and not exists (
        select from moderation_decisions d
        where d.images @> array[key] and d.id not in (select id from theirs))
"""
_JOBS = """
    select id from media_jobs
    where creator_id = %(person)s or content_id in (select id from contents where creator_id = %(person)s)
"""


def objects_of(engine: Engine, store: ObjectStore, person: str) -> list[str]:
    """Keys of the objects that go with the person. The tables tell them, so those are cleared afterwards.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
        StoreError: the object store failed.
    """
    values = {"person": person, "prefix": PREFIX}
    with transaction(engine) as connection, cursor(connection) as cur:
        pictures = [str(key) for (key,) in cur.execute(_PICTURES, values).fetchall()]
        jobs = [str(job) for (job,) in cur.execute(_JOBS, values).fetchall()]
    exists: Callable[[str], bool] = store.exists
    made = [info.key for job in jobs for info in store.list(f"{MEDIA}{job}/")]
    return sorted([*filter(exists, pictures), *made])
