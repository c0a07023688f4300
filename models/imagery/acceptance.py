"""Load and ask: pictures of all kinds that a version must answer possibly before it is promoted."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from models.acceptance import check_answers
from models.imagery.options import SAFE, ImageryOptions

_SUM_SLACK = 1e-6
#: Mode, width, height and format of each picture.
_PICTURES = (
    ("RGB", 320, 180, "JPEG"),
    ("RGBA", 300, 400, "PNG"),
    ("L", 200, 260, "JPEG"),
    ("RGB", 24, 18, "PNG"),
    ("P", 64, 64, "GIF"),
)
_GIF_FRAMES = 3


def probe(options: ImageryOptions) -> pa.Table:  # noqa: ARG001 - pictures are the same for all classes
    """A few drawn pictures, the column ``image``: colour, transparent, grey, tiny, moving."""
    pictures = [_picture(number, *shape) for number, shape in enumerate(_PICTURES)]
    return pa.table({"image": pa.array(pictures, pa.binary())})


def check(answers: Sequence[Mapping[str, Any]], options: ImageryOptions) -> None:
    """Whether answers to :func:`probe` are possible ones, and score all that is acted upon.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, len(_PICTURES), lambda found: _fault(found, options))


def _fault(found: Mapping[str, Any], options: ImageryOptions) -> str | None:
    try:
        chances = {name: float(value) for name, value in found["probabilities"].items()}
        scores = {name: float(value) for name, value in found["scores"].items()}
        label, nobody = found["label"], found["none_of_these"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return f"it lacks or garbles a field ({error!r})"
    if missing := [name for name in options.classes if name != SAFE and name not in scores]:
        return f"it has no score of {', '.join(missing)}"
    for values in (chances, scores):
        if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in values.values()):
            return f"its probabilities {list(values.values())} are none"
    if abs(sum(chances.values()) - 1.0) > _SUM_SLACK:
        return f"its probabilities sum to {sum(chances.values())}"
    if label not in chances or chances[label] != max(chances.values()):
        return f"the label {label} is not the most likely one"
    return None if isinstance(nobody, bool) else f"none_of_these is {nobody!r}"


def _picture(number: int, mode: str, width: int, height: int, form: str) -> bytes:
    """A gradient; of a GIF some frames that differ."""
    ramp = np.linspace(30 + 25 * number, 220, width * height * 3).reshape(height, width, 3)
    frames = [
        Image.fromarray(np.roll(ramp, 8 * step, axis=1).astype(np.uint8), "RGB").convert(mode)
        for step in range(_GIF_FRAMES if form == "GIF" else 1)
    ]
    out = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]} if form == "GIF" else {}
    frames[0].save(out, format=form, **more)
    return out.getvalue()
