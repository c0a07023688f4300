"""One image of a request: its text to bytes, to an answer or to the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.images.decode import ImageInvalid, decode_base64
from models.images.hashing import sha256
from models.images.limits import ImageLimits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What came of one image. ``size`` and ``sha256`` are of the file's bytes, None where there are none.

    ``fault`` is why there is no answer, ``hint`` what to do about it; ``ours``: the image is not to blame.
    """

    size: int | None = None
    sha256: str | None = None
    answer: Mapping[str, Any] | None = None
    fault: str | None = None
    hint: str | None = None
    ours: bool = False

    def as_entry(self, index: int) -> dict[str, Any]:
        """As it stands in the answer."""
        entry: dict[str, Any] = {"index": index, **(self.answer or {}), "sha256": self.sha256}
        if self.fault:
            sentence = f"images[{index}] cannot be used: {self.fault}."
            entry["error"] = {
                "reason": self.fault,
                "message": f"{sentence} {self.hint}" if self.hint else sentence,
            }
        return entry


def look_at(predictor: Any, text: str, limits: ImageLimits) -> ImageResult:
    """Answer for one image. Never raises, so that the other images of the request are still answered.

    What an unknown fault says is not logged, only its kind and place: it may quote what it was given.
    """
    size = digest = None
    try:
        data = decode_base64(text, limits)
        size, digest = len(data), sha256(data)
        return ImageResult(size, digest, predictor.answer_photo(data, limits))
    except ImageInvalid as error:
        return ImageResult(size, digest, fault=error.reason, hint=error.hint)
    except Exception as error:  # noqa: BLE001 - one image's fault, whatever it is, stays its own
        logger.error("looking at an image of %s bytes failed: %s %s", size, type(error).__name__, _place(error))
        return ImageResult(size, digest, fault="the service failed to look at it, which is logged", ours=True)


def _place(error: BaseException) -> str:
    """Where an error was raised, innermost first: file and line of a few frames."""
    frames, step = [], error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno}")
        step = step.tb_next
    return " < ".join(reversed(frames[-5:]))
