"""Pictures that move: some of an animation's frames, from its first to its last."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from models.images.convert import to_rgb
from models.images.decode import OPENERS, Picture, decode_image
from models.images.formats import sniff
from models.images.headers import read_header
from models.images.limits import ImageLimits

#: Frames of an animation that are looked at.
MOST = 8
#: Pixels that may be unfolded to get at them: a frame is drawn upon all that came before it.
MOST_PIXELS = 120_000_000


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of a picture.

    Attributes:
        first: the first one, as :func:`models.images.decode.decode_image` gives it.
        pixels: (h, w, 3) uint8 of each frame that was looked at, the first one among them.
        whole: whether frames from the first to the last are among them. Not where the file is damaged further
            on, or takes too long to unfold.
    """

    first: Picture
    pixels: tuple[np.ndarray, ...]
    whole: bool


def decode_frames(data: bytes, limits: ImageLimits, *, shortest: int | None = None, most: int = MOST) -> Frames:
    """At most ``most`` frames, evenly spread; of a picture that does not move the one that there is.

    Args:
        data: the image file.
        limits: what of it is opened.
        shortest: see :func:`models.images.decode.decode_image`.
        most: at least 2.

    Raises:
        ImageInvalid: as ``decode_image``, of the first frame.
    """
    first = decode_image(data, limits, shortest=shortest)
    if first.frames < 2:
        return Frames(first, (first.pixels,), True)
    kind = sniff(data)
    places = np.unique(np.linspace(0, first.frames - 1, min(most, first.frames)).round().astype(int))[1:]
    reach = MOST_PIXELS // (first.width * first.height)
    near = [int(place) for place in places if place < reach]
    further = _further(read_header(data, kind).data, kind, near, limits)
    return Frames(first, (first.pixels, *further), len(further) == len(places))


def _further(data: bytes, kind: str, places: list[int], limits: ImageLimits) -> list[np.ndarray]:
    """The frames at ``places``, up to the first that is damaged."""
    found: list[np.ndarray] = []
    try:
        with OPENERS[kind](io.BytesIO(data)) as image:
            for place in places:
                image.seek(place)
                if image.size[0] * image.size[1] > limits.max_pixels:  # pages of a book differ in size
                    break
                with limits.opening(image.size[0] * image.size[1]):
                    found.append(np.array(to_rgb(image)))
    except Exception:  # noqa: BLE001 - a damaged file may fail anywhere inside a decoder
        return found
    return found
