"""Thumbnails of an open video: the best frames of different scenes, cropped to three shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from config.errors import InputError
from config.settings import Settings
from models.images.faces import Face, FaceFinder
from models.media.choosing import Candidate, Chooser
from models.media.crops import SHAPES, attention, crop, shrink
from tasks.media_files import Opened
from tasks.media_frames import Glimpse, glimpses

BEST = 3
_LOOKED_AT = 48
_FEWEST = 6
_A_SECOND = 2.0
_SIDE = 1280
_WHOLE = 3840
_QUALITY = 88
_PARTS = 6
_SHORTEST = 4.0


def thumbnail_files(
    settings: Settings, opened: Opened, on_progress: Callable[[float], None]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """JPEG files ``<n>-<shape>.jpg``, n from 1 for the best, and what is told of them. Raises InputError."""
    seconds = opened.seconds
    chooser: Chooser[Glimpse] = Chooser(max(_SHORTEST, (seconds or 0.0) / _PARTS))
    count = _LOOKED_AT if seconds is None else min(_LOOKED_AT, max(_FEWEST, round(_A_SECOND * seconds)))
    for number, glimpse in enumerate(glimpses(settings, opened, count)):
        chooser.add(glimpse.seconds, glimpse.small, glimpse.motion, glimpse)
        on_progress(0.9 * min(1.0, glimpse.seconds / seconds if seconds else number / count))
    files: dict[str, bytes] = {}
    told = []
    for number, chosen in enumerate(chooser.best(BEST, FaceFinder().find), 1):
        pictures, sizes = _pictures(chosen)
        files |= {f"{number}-{shape}.jpg": data for shape, data in pictures.items()}
        told.append(
            {
                "number": number,
                "at": round(chosen.seconds, 3),
                "score": round(chosen.score, 4),
                "looks": chosen.looks.as_json(),
                "faces": len(chosen.faces),
                "sizes": sizes,
            }
        )
        on_progress(0.9 + 0.03 * number)
    return files, {"kind": "thumbnails", "seconds": seconds, "thumbnails": told}


def _pictures(chosen: Candidate[Glimpse]) -> tuple[dict[str, bytes], dict[str, list[int]]]:
    pixels = chosen.whole.pixels(_WHOLE)
    ratio = pixels.shape[1] / chosen.small.shape[1]
    seen = attention(pixels, [_enlarged(face, ratio) for face in chosen.faces])
    files, sizes = {}, {}
    for name, shape in SHAPES.items():
        picture = shrink(crop(pixels.shape[0], pixels.shape[1], shape, seen).of(pixels), _SIDE)
        files[name] = _jpeg(picture)
        sizes[name] = [picture.shape[1], picture.shape[0]]
    return files, sizes


def _enlarged(face: Face, ratio: float) -> Face:
    return replace(
        face,
        x=round(face.x * ratio), y=round(face.y * ratio),
        width=round(face.width * ratio), height=round(face.height * ratio), eyes=None,
    )  # fmt: skip


def _jpeg(pixels: np.ndarray) -> bytes:
    import cv2

    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not done:
        raise InputError("A frame of the video cannot be stored as a picture.")
    return bytes(data)
