"""Pictures that moderation looked at: kept under the name of their bytes, or where the content has them.

A picture that came with a request, or a frame out of a video, is kept in the bucket of artifacts under
``moderation/images/<sha256>``. Any other key is one of the media bucket, as the content names it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import transaction
from storage.objects import ObjectInfo, ObjectStore, open_store

PREFIX = "moderation/images/"
_KEPT = re.compile(rf"{PREFIX}[0-9a-f]{{64}}")


def image_key(data: bytes) -> str:
    """The key that a picture's bytes are kept under."""
    return f"{PREFIX}{hashlib.sha256(data).hexdigest()}"


def is_kept(key: str) -> bool:
    """Whether ``key`` is one that :func:`store_image` gives; else it is a key of the media bucket."""
    return _KEPT.fullmatch(key) is not None


def store_image(place: Settings | ObjectStore, data: bytes) -> str:
    """Keep a picture in the bucket of artifacts, and give its key. The same bytes are kept once.

    Args:
        place: the platform's settings, or the store of the bucket of artifacts where it is open already.
        data: the image file as it came.

    Raises:
        StoreError: the object store failed.
    """
    store = open_store(place) if isinstance(place, Settings) else place
    key = image_key(data)
    if not store.exists(key):
        store.put(key, data)
    return key


def read_image(settings: Settings, key: str, *, max_bytes: int | None = None) -> bytes:
    """The bytes of a picture that a decision names.

    Args:
        settings: the platform's.
        key: one of ``moderation_decisions.images``.
        max_bytes: a larger object is not read; None: any is.

    Raises:
        ObjectNotFound: there is none under that key (a creator may have removed it, or was forgotten).
        InputError: the key is none that a bucket can hold, or the picture is larger than ``max_bytes``.
        StoreError: the object store failed.
    """
    store = store_of(settings, key)
    if max_bytes is not None and (size := store.stat(key).size) > max_bytes:
        raise InputError(f"The picture '{key}' has {size:,} bytes; at most {max_bytes:,} are read.")
    return store.get(key)


class ModeratedImages:
    """The pictures of decisions as one store, whichever bucket each is in. Safe for several threads.

    Args:
        settings: the platform's.
        retries: how often an S3 server that does not answer is asked again.
        timeout: seconds to wait for its next bytes.
    """

    def __init__(self, settings: Settings, *, retries: int = 4, timeout: float = 30.0) -> None:
        self._kept = open_store(settings, retries=retries, timeout=timeout)
        self._media = open_store(settings, settings.media_bucket, retries=retries, timeout=timeout)

    def stat(self, key: str) -> ObjectInfo:
        """Size and time. Raises ObjectNotFound, InputError or StoreError."""
        return self._of(key).stat(key)

    def get(self, key: str) -> bytes:
        """The picture's bytes. Raises ObjectNotFound, InputError or StoreError."""
        return self._of(key).get(key)

    def _of(self, key: str) -> ObjectStore:
        return self._kept if is_kept(key) else self._media


def store_of(settings: Settings, key: str) -> ObjectStore:
    """The store of the bucket that ``key`` is in. Reaches nothing yet."""
    return open_store(settings) if is_kept(key) else open_store(settings, settings.media_bucket)


def drop_unused(engine: Engine, store: ObjectStore, keys: Collection[str]) -> int:
    """Remove those kept pictures of ``keys`` that no decision names any more; how many there were.

    For when decisions have been deleted (somebody was forgotten, or their time was over), after that deletion:
    the same bytes may have been looked at for another piece of content. Pictures in the media bucket are the
    product's, and stay.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
        StoreError: the object store failed; run it again.
    """
    asked = sorted(filter(is_kept, set(keys)))
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(
            "select key from unnest(%s::text[]) as asked (key) where not exists"
            " (select from moderation_decisions d where d.images @> array[asked.key])",
            (asked,),
        ).fetchall()
    unused = [key for (key,) in found if store.exists(key)]
    for key in unused:
        store.delete(key)
    return len(unused)
