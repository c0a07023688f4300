"""The sample world's photos: a gold set, and uploads of three months with an earlier model's answers.

Some uploads are not what they should be, as in life: sent twice, re-encoded, without a face, with two, cut off
in mid-transfer, a web page named .jpg, a picture that unfolds to hundreds of megapixels.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
from PIL import Image

from demo.faces import PIXELS, Person, draw_face, jpeg, make_person
from demo.styles import LOOKS, STYLES

#: The earlier model that the platform replaces, as ``user_styles`` names it.
LEGACY = "legacy-1"
_NAMESPACE = UUID("6f1f6d52-5d3c-4c3a-9d3c-4f1f5d0f7a11")
_LEGACY_SKILL = 0.72
_STRANGE = ("again", "reencoded", "landscape", "couple", "cut off", "web page", "bomb")


@dataclass(frozen=True)
class PhotoSize:
    """How many photos the sample world has."""

    gold_a_class: int = 22
    users: int = 260
    photos_a_day: int = 12
    strange_share: float = 0.06
    days: int = 92


@dataclass(frozen=True)
class Upload:
    """A photo, whose it is, what it shows in truth (None: nothing that has a style), and the earlier answer."""

    key: str
    user_id: str
    at: datetime
    data: bytes
    truth: str | None
    predicted: str
    probabilities: dict[str, float]

    @property
    def prediction_id(self) -> UUID:
        """The same upload has the same id each time the world is made."""
        return uuid5(_NAMESPACE, self.key)


def write_gold(folder: Path, seed: int, size: PhotoSize) -> int:
    """Write the gold set as class-named folders, unless it is there; how many photos it has."""
    rng = np.random.default_rng([seed, 1])
    for style in STYLES:
        place = folder / style
        place.mkdir(parents=True, exist_ok=True)
        for number in range(size.gold_a_class):
            (place / f"{number:03d}.jpg").write_bytes(jpeg(draw_face(style, make_person(rng), rng)))
    return size.gold_a_class * len(STYLES)


def uploads(as_of: date, seed: int, size: PhotoSize) -> Iterator[Upload]:
    """What users uploaded in the ``size.days`` days before ``as_of``, in order of time.

    Args:
        as_of: the first day that is not in the world (UTC).
        seed: the same seed, date and size give the same photos, byte for byte.
        size: how many.
    """
    rng = np.random.default_rng([seed, 2])
    people = [make_person(rng) for _ in range(size.users)]
    taste = [STYLES[int(index)] for index in rng.integers(len(STYLES), size=size.users)]
    first = as_of - timedelta(days=size.days)
    before: list[tuple[str, bytes]] = []
    for day in range(size.days):
        moments = np.sort(rng.integers(7 * 3600, 23 * 3600, size.photos_a_day))
        for number, second in enumerate(moments.tolist()):
            user = int(rng.integers(size.users))
            style = taste[user] if rng.random() < 0.75 else STYLES[int(rng.integers(len(STYLES)))]
            truth, data = _photo(style, people[user], before, rng, size.strange_share)
            if truth is not None:
                before.append((truth, data))
            at = datetime.combine(first + timedelta(days=day), time(), UTC) + timedelta(seconds=second)
            predicted, probabilities = _legacy_answer(truth or style, rng)
            user_id = f"u{first:%y%m%d}-{user:04d}"
            key = f"{user_id}/{at:%Y%m%d-%H%M%S}-{number:02d}.jpg"
            yield Upload(key, user_id, at, data, truth, predicted, probabilities)


def question(seed: int) -> tuple[str, bytes]:
    """A photo that nobody has seen, and the style it is drawn in: what the demo asks about."""
    rng = np.random.default_rng([seed, 3])
    style = "Sunny"
    return style, jpeg(draw_face(style, make_person(rng), rng))


def _photo(
    style: str, person: Person, before: list[tuple[str, bytes]], rng: np.random.Generator, strange: float
) -> tuple[str | None, bytes]:
    face = draw_face(style, person, rng)
    if rng.random() >= strange or not before:
        return style, jpeg(face)
    kind = _STRANGE[int(rng.integers(len(_STRANGE)))]
    earlier = before[int(rng.integers(len(before)))][1]
    other = draw_face(STYLES[int(rng.integers(len(STYLES)))], make_person(rng), rng)
    strangers: dict[str, Callable[[], bytes]] = {
        "again": lambda: earlier,
        "reencoded": lambda: jpeg(np.asarray(Image.open(io.BytesIO(earlier)).resize((160, 160))), 60),
        "landscape": lambda: jpeg(_landscape(rng)),
        "couple": lambda: jpeg(np.hstack([face, other])),
        "cut off": lambda: jpeg(face)[:1800],
        "web page": lambda: b"<!doctype html><title>404</title><p>The upload has moved.</p>",
        "bomb": lambda: _bomb(int(rng.integers(256))),
    }
    return None, strangers[kind]()


def _landscape(rng: np.random.Generator) -> np.ndarray:
    """Sky over hills."""
    rows, columns = np.mgrid[0:PIXELS, 0:PIXELS] / PIXELS
    hills = 0.55 + 0.08 * np.sin(columns * rng.uniform(5, 9) + rng.uniform(0, 6))
    sky = np.stack([110 + 90 * rows, 150 + 70 * rows, 225 - 20 * rows], axis=2)
    land = np.stack([60 + 40 * rows, 120 - 30 * rows, 60 + 0 * rows], axis=2)
    picture = np.where((rows > hills)[..., None], land, sky) + rng.normal(0, 5, (PIXELS, PIXELS, 3))
    return picture.clip(0, 255).astype(np.uint8)


def _bomb(shade: int) -> bytes:
    """A small file that unfolds to 400 megapixels."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000), shade % 2).save(out, "PNG", optimize=False)
    return out.getvalue() + bytes([shade])


def _legacy_answer(truth: str, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
    """What an earlier, weaker model said: right in some seven of ten, and mistaken towards like looks."""
    likeness = np.array([_likeness(truth, other) for other in STYLES])
    likeness[STYLES.index(truth)] = 0
    scores = rng.gumbel(0, 0.8, len(STYLES)) + 2.5 * likeness
    if rng.random() < _LEGACY_SKILL:
        scores[STYLES.index(truth)] = scores.max() + rng.exponential(1.6)
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    named = {style: round(float(chance), 6) for style, chance in zip(STYLES, chances, strict=True)}
    return STYLES[int(chances.argmax())], named


def _likeness(one: str, other: str) -> float:
    """In (0, 1]: how alike two looks are in light, backdrop and expression."""
    a, b = LOOKS[one], LOOKS[other]
    gap = abs(a.smile - b.smile) + abs(a.backdrop[2] - b.backdrop[2]) + abs(a.hair[2] - b.hair[2])
    return float(np.exp(-gap))


def results(upload: Upload) -> dict[str, object]:
    """The column ``results`` of ``user_styles`` for an upload: what the earlier service wrote down."""
    entry = {
        "class": upload.predicted,
        "confidence": max(upload.probabilities.values()),
        "probabilities": upload.probabilities,
    }
    return {"photos": [json.loads(json.dumps(entry))]}
