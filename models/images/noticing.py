"""What is noticed about a photo before an admin sees it, and why one is set aside.

A flag is a sentence; names stand behind a colon at its end, so that flags of one kind can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.images.decode import ImageInvalid, Picture, decode_image
from models.images.faces import Face, FaceFinder
from models.images.hashing import perceptual_hash, sha256
from models.images.options import DETECTOR, PhotoOptions
from models.images.quality import brightness, sharpness

#: A photo is looked at with its shorter side at about so many pixels: enough to find a face.
LOOKED_AT = 512
#: A face of less than this share of the largest one's width is somebody in the background, or a false find.
BESIDE = 0.4

NO_FACE = "no face was found"
CHANGED = "the photo was changed since it was predicted"


@dataclass(frozen=True)
class Noticed:
    """One photo's bytes, looked at.

    Attributes:
        data: the bytes; None where there are none or they are no image.
        facts: ``sha256``, ``bytes``, ``phash``, ``width``... as the columns of the example schema.
        problem: why it cannot be used, whatever else holds; None: it can be opened.
        doubt: what is odd about a picture that can be opened.
    """

    data: bytes | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    doubt: str | None = None


def finder_of(options: PhotoOptions) -> FaceFinder | None:
    """The face finder that ``options`` ask for; None where photos are taken whole."""
    return FaceFinder(options.assets.get(DETECTOR)) if options.faces == "found" else None


def notice(
    data: bytes | None, size: int | None, problem: str | None, options: PhotoOptions, finder: FaceFinder | None
) -> Noticed:
    """Look at a photo of ``size`` bytes, or at what kept it from being read. Safe in several threads."""
    if data is None:
        return Noticed(facts={"bytes": size}, problem=problem)
    facts: dict[str, Any] = {"bytes": len(data), "sha256": sha256(data)}
    try:
        picture = decode_image(data, options.limits, shortest=LOOKED_AT)
    except ImageInvalid as error:
        return Noticed(facts=facts, problem=error.reason)
    facts |= {
        "phash": perceptual_hash(picture.pixels),
        "width": picture.width,
        "height": picture.height,
        "frames": picture.frames,
        "sharpness": round(sharpness(picture.pixels), 2),
        "brightness": round(brightness(picture.pixels), 4),
    }
    if finder is None:
        return Noticed(data, facts)
    found = finder.find(picture.pixels)
    faces = [face for face in found if face.width >= BESIDE * found[0].width]
    return Noticed(data, facts | _box(faces, picture), doubt=_doubt(faces))


def _doubt(faces: Sequence[Face]) -> str | None:
    if not faces:
        return NO_FACE
    return f"several faces ({len(faces)})" if len(faces) > 1 else None


def _box(faces: Sequence[Face], picture: Picture) -> dict[str, int]:
    """How many faces there are, and where the largest is, in pixels of the full upright picture."""
    if not faces:
        return {"faces": 0}
    first = faces[0]
    left, right = (
        round(min(max(x, 0) / picture.scale, picture.width)) for x in (first.x, first.x + first.width)
    )
    top, bottom = (
        round(min(max(y, 0) / picture.scale, picture.height)) for y in (first.y, first.y + first.height)
    )
    box = {"face_x": left, "face_y": top, "face_width": right - left, "face_height": bottom - top}
    return {"faces": len(faces), **box}
