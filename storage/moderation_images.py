"""Pictures that moderation looked at: kept under the name of their bytes, or where the content has them.

A picture that came with a request, or a frame out of a video, is kept in the bucket of artifacts under
``moderation/images/<sha256>``. Any other key is one of the media bucket, as the content names it.
"""

from __future__ import annotations

import hashlib
import re

from config.settings import Settings
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
