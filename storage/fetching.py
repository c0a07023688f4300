"""Pictures out of a store, a few at a time, in the order that they were asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

from config.errors import InputError, ObjectNotFound
from storage.objects import ObjectInfo

#: Photos that are fetched at once, and how many may lie ready: so many files are in memory.
FETCHERS, READY = 6, 12

MISSING = "the photo is missing in the bucket"
NO_KEY = "the photo's key is not one that a bucket can hold"
TOO_LARGE = "file too large"


class PhotoStore(Protocol):
    """As much of a store as reading pictures needs; see :class:`storage.objects.ObjectStore`."""

    def stat(self, key: str) -> ObjectInfo:
        """Size and time. Raises ObjectNotFound."""
        ...

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        ...


class Fetched(NamedTuple):
    """A photo out of the bucket: its bytes and their number, or why there are none."""

    photo: str
    data: bytes | None
    size: int | None
    problem: str | None


def fetch(store: PhotoStore, photos: Sequence[str], max_bytes: int) -> Iterator[Fetched]:
    """The photos in their order; one of more than ``max_bytes`` is not read.

    Raises:
        StoreError: the store failed, other than by not having a photo.
    """
    pool = ThreadPoolExecutor(FETCHERS, thread_name_prefix="photos")
    pending: deque[Future[Fetched]] = deque()
    try:
        for photo in photos:
            if len(pending) == READY:
                yield pending.popleft().result()
            pending.append(pool.submit(_fetch, store, photo, max_bytes))
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch(store: PhotoStore, photo: str, max_bytes: int) -> Fetched:
    try:
        size = store.stat(photo).size
        if size > max_bytes:
            return Fetched(photo, None, size, TOO_LARGE)
        data = store.get(photo)
    except ObjectNotFound:
        return Fetched(photo, None, None, MISSING)
    except InputError:
        return Fetched(photo, None, None, NO_KEY)
    return Fetched(photo, data, len(data), None)
