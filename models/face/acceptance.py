"""Load and ask: photos of all kinds that a version must answer possibly before it is promoted."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw

from models.acceptance import check_answers
from models.face.options import FaceOptions

_SUM_SLACK = 1e-6
_FEWEST_CLASSES = 2
#: Mode, width, height and format of each photo.
_PHOTOS = (
    ("RGB", 224, 224, "JPEG"),
    ("RGB", 640, 480, "JPEG"),
    ("RGBA", 300, 400, "PNG"),
    ("L", 200, 260, "JPEG"),
    ("RGB", 24, 18, "PNG"),
)
_ON_ITS_SIDE = 6  # EXIF orientation
_EXIF_ORIENTATION = 0x0112


def probe(options: FaceOptions) -> pa.Table:  # noqa: ARG001 - photos are the same for all classes
    """A few drawn photos, the column ``image``: colour, transparent, grey, lying on its side, tiny."""
    photos = [_photo(number, *shape) for number, shape in enumerate(_PHOTOS)]
    return pa.table({"image": pa.array(photos, pa.binary())})


def check(answers: Sequence[Mapping[str, Any]], options: FaceOptions) -> None:  # noqa: ARG001 - as all do
    """Whether answers to :func:`probe` are possible ones.

    A version may know other classes than the settings name: they may have changed since it was trained, and a
    service that starts then goes on with the version it has.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, len(_PHOTOS), _fault)


def _fault(found: Mapping[str, Any]) -> str | None:
    try:
        named = tuple(found["probabilities"])
        if len(named) < _FEWEST_CLASSES:
            return f"it knows {len(named)} classes"
        chances = {name: float(value) for name, value in found["probabilities"].items()}
        answered, confidence = found["class"], float(found["confidence"])
        distance, nobody = float(found["distance"]), found["none_of_these"]
    except (KeyError, TypeError, ValueError) as error:
        return f"it lacks or garbles a field ({error!r})"
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in chances.values()):
        return f"its probabilities {list(chances.values())} are none"
    if abs(sum(chances.values()) - 1.0) > _SUM_SLACK:
        return f"its probabilities sum to {sum(chances.values())}"
    if answered not in chances or confidence != max(chances.values()) or confidence != chances[answered]:
        return f"the class {answered} with a confidence of {confidence} is not the most likely one"
    if not isinstance(nobody, bool):
        return f"none_of_these is {nobody!r}"
    return (
        None if -_SUM_SLACK <= distance <= 2.0 + _SUM_SLACK else f"the distance {distance} is none of cosines"
    )


def _photo(number: int, mode: str, width: int, height: int, form: str) -> bytes:
    """A face as a child draws it, on a gradient."""
    ramp = np.linspace(40 + 30 * number, 200, width * height * 3).reshape(height, width, 3)
    image = Image.fromarray(ramp.astype(np.uint8), "RGB")
    draw = ImageDraw.Draw(image)

    def ellipse(x: float, y: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        box = [(x - rx) * width, (y - ry) * height, (x + rx) * width, (y + ry) * height]
        draw.ellipse(box, fill=colour)

    ellipse(0.5, 0.5, 0.28, 0.38, (224, 184, 156))
    ellipse(0.39, 0.42, 0.05, 0.03, (40, 30, 30))
    ellipse(0.61, 0.42, 0.05, 0.03, (40, 30, 30))
    ellipse(0.5, 0.7, 0.12, 0.04, (170, 60, 70))
    out = io.BytesIO()
    exif = Image.Exif()
    if form == "JPEG":
        exif[_EXIF_ORIENTATION] = _ON_ITS_SIDE if number == 1 else 1
    image.convert(mode).save(out, format=form, exif=exif)
    return out.getvalue()
