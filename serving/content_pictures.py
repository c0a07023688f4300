"""The pictures of a request: to bytes, to scores or to the reason why there are none, and into the store."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from config.errors import AssayError, ObjectNotFound
from config.settings import Settings
from serving.model_slot import ServedModel

if TYPE_CHECKING:
    from models.images.limits import ImageLimits
    from storage.objects import ObjectStore

logger = logging.getLogger(__name__)

#: Somebody waits for the answer: a store that does not answer is not asked for long.
RETRIES, SECONDS = 1, 5.0
NOT_READ = "it could not be read from the media bucket now"
FAILED = "the service failed to look at it, which is logged"


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one picture.

    ``scores`` are None where nothing could look at it; ``reason`` is why its scores alone do not approve it.
    ``data`` is the file where it came with the request, ``key`` where the media bucket has it. ``version`` is
    that which looked, or would have.
    """

    scores: Mapping[str, float] | None
    reason: str | None
    data: bytes | None = None
    key: str | None = None
    version: str | None = None

    def as_entry(self, index: int) -> dict[str, Any]:
        """As it stands in the answer."""
        return {"index": index, "scores": self.scores, "reason": self.reason}


class Pictures:
    """Looks at pictures and keeps those that a person may have to see. Each call may wait: for a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def limits(self) -> ImageLimits:
        """Of one picture, and of what all threads unfold at a time."""
        from models.images.limits import ImageLimits, Room

        most = self._settings.image_max_pixels
        return ImageLimits(self._settings.image_max_bytes, most, Room(most))

    @cached_property
    def _media(self) -> ObjectStore:
        from storage.objects import open_store

        return open_store(self._settings, self._settings.media_bucket, retries=RETRIES, timeout=SECONDS)

    @cached_property
    def _kept(self) -> ObjectStore:
        from storage.objects import open_store

        return open_store(self._settings, retries=RETRIES, timeout=SECONDS)

    def look(self, image: str | Mapping[str, str], model: ServedModel | None) -> Looked:
        """Scores of one picture by ``model``; None: there is none. Never raises, so that the others of the
        request are still looked at.
        """
        from models.imagery.answering import score_images
        from models.images.formats import ImageInvalid

        key = None if isinstance(image, str) else image["key"]
        predictor, version = (model.predictor, model.version) if model is not None else (None, None)
        try:
            data = self._read(image)
        except ImageInvalid as error:
            return Looked(None, error.reason, None, key, version)
        except ObjectNotFound:
            return Looked(None, "there is no such object in the media bucket", None, key, version)
        except AssayError as error:
            logger.warning("a picture of the media bucket cannot be read: %s", error)
            return Looked(None, NOT_READ, None, key, version)
        try:
            found = score_images(predictor, [data], self.limits)[0]
        except Exception as error:  # noqa: BLE001 - one picture's fault, whatever it is, stays its own
            logger.error("looking at a picture of %d bytes failed: %s", len(data), type(error).__name__)
            return Looked(None, FAILED, data, key, version)
        return Looked(found.scores, found.reason, data if key is None else None, key, version)

    def _read(self, image: str | Mapping[str, str]) -> bytes:
        from models.images.decode import ImageInvalid, decode_base64

        if isinstance(image, str):
            return decode_base64(image, self.limits)
        key = image["key"]
        if self._media.stat(key).size > self.limits.max_bytes:
            raise ImageInvalid("file too large")
        return self._media.get(key)

    def keep(self, looked: Sequence[Looked]) -> list[str]:
        """Keys under which a reviewer finds the pictures; those that came with the request are stored.

        One that cannot be stored is left out: the decision stands without it.
        """
        from storage.moderation_images import store_image

        keys = []
        for one in looked:
            if one.key is not None:
                keys.append(one.key)
            elif one.data is not None:
                try:
                    keys.append(store_image(self._kept, one.data))
                except AssayError as error:
                    logger.error("a picture of a decision is not kept: %s", error)
        return keys


def together(looked: Sequence[Looked]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Each label's highest score among pictures; and ``("image",)`` where scores alone must not approve."""
    from models.imagery.answering import ImageScore, worst

    scores, reasons = worst([ImageScore(one.scores, one.reason) for one in looked])
    return scores, ("image",) if reasons else ()
