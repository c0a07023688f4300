"""Photos of candidates, made small on the way: never the upload itself, and never on a disk of ours.

Each is opened, turned upright and encoded anew as JPEG, so that nothing of the file but its picture reaches the
browser: no position in its EXIF, no script. What cannot be shown is drawn as a card that says why.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from html import escape
from threading import BoundedSemaphore, Lock
from time import monotonic

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import InputError, ObjectNotFound, StoreError, StoreUnavailable
from config.settings import Settings
from models.images.decode import ImageInvalid, thumbnail
from models.images.limits import ImageLimits
from serving.admin.access import require
from serving.admin.parts import PATIENCE_SECONDS, parts, settings
from storage.candidates import Candidate, get
from storage.fetching import PhotoStore
from storage.sources import open_photos

#: Longest sides in pixels that there are; what is asked for is rounded up to one of them.
SIZES = (160, 320, 640, 1280)
CACHE_BYTES = 64 * 1024 * 1024
#: A photo that is erased is gone from here at once (it is looked up each time), and from a browser by then.
CACHE_SECONDS = 600.0

Key = tuple[int, str, int]


class PhotoCache:
    """The photos that were asked for last, within a number of bytes and seconds. Safe for several threads."""

    def __init__(
        self, most: int = CACHE_BYTES, seconds: float = CACHE_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._kept: OrderedDict[Key, tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def get(self, key: Key) -> bytes | None:
        """The photo, unless it is too old or was never here."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if self._clock() - found[0] > self._seconds:
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: Key, photo: bytes) -> None:
        """Keep a photo; those not asked for longest make room."""
        if len(photo) > self._most:
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = (self._clock(), photo)
            self.size += len(photo)
            while self.size > self._most:
                self._drop(next(iter(self._kept)))

    def forget(self, candidate: int) -> None:
        """Drop all that is kept of a candidate."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == candidate]:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.size -= len(found[1])


class Photos:
    """The pictures of candidates, made small. As many are decoded at once as there are processors."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = ImageLimits(settings.image_max_bytes, settings.image_max_pixels)
        self._decoding = BoundedSemaphore(os.cpu_count() or 1)
        self.cache = PhotoCache()
        self._away_until = 0.0

    @lru_cache(maxsize=8)  # noqa: B019 - one of these lives as long as the process
    def store(self, family: str) -> PhotoStore:
        """Where the family's pictures are; a browser asks again by itself."""
        return open_photos(self._settings, family, retries=0, timeout=PATIENCE_SECONDS)

    def picture(self, candidate: Candidate, size: int) -> bytes:
        """The candidate's photo as a JPEG whose longest side has at most ``size`` pixels.

        Raises:
            ImageInvalid: it cannot be opened; ``reason`` says why.
            StoreError: it cannot be read.
        """
        image = candidate.image or ""
        key = (candidate.id, image, size)
        made = self.cache.get(key)
        if made is None:
            data = self._fetched(image, self.store(candidate.family))
            with self._decoding:
                made = thumbnail(data, self._limits, size)
            self.cache.put(key, made)
        return made

    def _fetched(self, image: str, store: PhotoStore) -> bytes:
        """The upload. A store that did not answer is left alone for a moment: a page asks for a hundred photos,
        and threads that all wait for it would be missing for everything else.
        """
        if monotonic() < self._away_until:
            raise StoreUnavailable("The store of photos has just not answered.")
        try:
            if store.stat(image).size > self._limits.max_bytes:
                raise ImageInvalid("file too large")
            return store.get(image)
        except StoreUnavailable:
            self._away_until = monotonic() + PATIENCE_SECONDS
            raise


@require("viewer")
def photo(request: Request) -> Response:
    """``/media/photo/<candidate>?size=320``."""
    size = _size(request.query_params.get("size", "320"))
    number = request.path_params["candidate"]
    photos = _photos(request)
    found = get(parts(request).engine, [number]) if number < 2**63 else []
    if not found:
        photos.cache.forget(number)
        return placeholder("This candidate is gone.", 404)
    if not found[0].image:
        return placeholder("This candidate has no photo.", 404)
    try:
        made = photos.picture(found[0], size)
    except ImageInvalid as error:
        return placeholder(f"Cannot be shown: {error.reason}.", 422)
    except (ObjectNotFound, InputError):
        return placeholder("The photo is no longer in the store.", 404)
    except StoreError:
        return placeholder("The store of photos is away. Try again in a moment.", 503)
    return Response(
        made, media_type="image/jpeg", headers={"cache-control": f"private, max-age={CACHE_SECONDS:.0f}"}
    )


def placeholder(reason: str, status: int) -> Response:
    """A picture of a sentence: a browser shows it where the photo would be, whatever the status."""
    words, lines = reason.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 22:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    text = "".join(
        f'<text x="160" y="{170 + 26 * (number - (len(lines) - 1) / 2):.0f}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320" viewBox="0 0 320 320">'
        '<rect width="320" height="320" fill="#e7eaf0"/>'
        '<g font-family="system-ui, sans-serif" font-size="20" text-anchor="middle" fill="#414a59">'
        f"{text}</g></svg>"
    )
    return Response(drawn, status, media_type="image/svg+xml", headers={"cache-control": "no-store"})


def _size(text: str) -> int:
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
    if wanted is None:
        raise HTTPException(422, "'size' is a whole number of pixels.")
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def _photos(request: Request) -> Photos:
    """One for the process, made on first use."""
    state = request.app.state
    if not hasattr(state, "photos"):
        state.photos = Photos(settings(request))
    found: Photos = state.photos
    return found


ROUTES = [Route("/media/photo/{candidate:int}", photo)]
