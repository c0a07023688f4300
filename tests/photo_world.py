"""Photos of drawn people in the photo bucket, and what the face service said about them, for tests."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image
from sqlalchemy import Engine, insert

from config.settings import Settings
from models.images.hashing import sha256
from storage import tables
from storage.database import transaction
from storage.objects import ObjectStore, open_store
from tests.unit.models.images.portraits import draw_portrait

DAY = dt.date(2026, 11, 2)
CLASSES = ("Serious", "Soft", "Warm")
SIZE = 160
#: Not spread over the ids of other tests' rows.
_NAMESPACE = uuid.UUID("5c9ad6b4-7f0e-4a63-9f2b-6f2f0cf1a7b3")


@dataclass(frozen=True)
class Shot:
    """A photo of a user, and the answer about it; ``data`` None: it is not in the bucket.

    ``seen`` are the bytes that the service saw, where they are others.
    """

    photo: str
    data: bytes | None
    predicted: str | None = "Soft"
    confidence: float = 0.8
    at: dt.datetime = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
    version: str = "1"
    seen: bytes | None = None
    error: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def user(self) -> str:
        return self.photo.split("/")[0]

    @property
    def entry(self) -> dict[str, Any]:
        """What stands about it in ``user_styles.results``."""
        given = self.seen or self.data
        found: dict[str, Any] = {"sha256": sha256(given) if given else None, **self.more}
        if self.error:
            return found | {"error": {"reason": self.error, "message": self.error}}
        others = [name for name in CLASSES if name != self.predicted]
        chances = {name: (1 - self.confidence) / len(others) for name in others}
        chances |= {self.predicted: self.confidence} if self.predicted else {}
        return found | {"class": self.predicted, "confidence": self.confidence, "probabilities": chances}


@lru_cache(maxsize=256)
def portrait(person: int, style: int = 0, size: int = SIZE, quality: int = 90) -> bytes:
    """A JPEG with one face. Persons stand before scenes of their own, so that none looks like another."""
    return encoded(pixels_of(person, style, size), "JPEG", quality=quality)


def pixels_of(person: int, style: int = 0, size: int = SIZE) -> np.ndarray:
    """(size, size, 3) uint8: a drawn person before a scene of coarse patches."""
    rng = np.random.default_rng(person)
    drawn = draw_portrait(rng, size, style)
    scene = cv2.resize(rng.integers(0, 256, (7, 7, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    across, down = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    near = (across / 0.72) ** 2 + (down / 0.9) ** 2
    share = np.clip((near - 0.8) * 3, 0, 1)[..., None]
    mixed: np.ndarray = (drawn * (1 - share) + scene * share).astype(np.uint8)
    return mixed


def nobody(number: int, size: int = SIZE) -> bytes:
    """A JPEG with a scene and no face."""
    patches = np.random.default_rng(number).integers(0, 256, (3, 3, 3), np.uint8)
    return encoded(cv2.resize(patches, (size, size), interpolation=cv2.INTER_LINEAR), "JPEG")


def together(first: int, second: int, size: int = SIZE) -> bytes:
    """A JPEG with two people side by side."""
    return encoded(np.hstack([pixels_of(first, 0, size), pixels_of(second, 1, size)]), "JPEG")


def encoded(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    """``pixels`` as an image file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def shots(users: int, photos: int, *, day: dt.date = DAY, first: int = 0) -> list[Shot]:
    """``photos`` photos of each of ``users`` users, all in order, of ``day``."""
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return [
        Shot(
            photo=f"u{first + user}/{number}.jpg",
            data=portrait((first + user) * 100 + number, user % len(CLASSES)),
            predicted=CLASSES[user % len(CLASSES)],
            confidence=0.5 + (user * photos + number) % 40 / 100,
            at=midnight + dt.timedelta(minutes=user * photos + number),
        )
        for user in range(users)
        for number in range(photos)
    ]


def put_photos(store: ObjectStore, taken: Iterable[Shot]) -> None:
    """Into the photo bucket."""
    for shot in taken:
        if shot.data is not None:
            store.put(shot.photo, shot.data)


def photo_store(settings: Settings) -> ObjectStore:
    """The bucket of the users' uploads."""
    return open_store(settings, settings.style_photo_bucket)


def tell(engine: Engine, taken: Sequence[Shot], *, written: str = "{}", whole: bool = True) -> None:
    """Into ``user_styles``, a row a shot.

    Args:
        written: how a photo's key is written there.
        whole: with an entry for the photo; else only with the answer about the user.
    """
    rows = [
        {
            "id": uuid.uuid5(_NAMESPACE, f"{shot.photo} {shot.at} {shot.version}"),
            "user_id": shot.user,
            "photos": [written.format(shot.photo)],
            "style_class": shot.predicted,
            "confidence": shot.confidence,
            "model_version": shot.version,
            "results": {"photos": [shot.entry]} if whole else {},
            "at": shot.at,
        }
        for shot in taken
    ]
    with transaction(engine) as connection:
        connection.execute(insert(tables.UserStyle), rows)


def take(settings: Settings, engine: Engine, taken: Sequence[Shot]) -> list[Shot]:
    """Both: photos in the bucket, answers in the database."""
    put_photos(photo_store(settings), taken)
    tell(engine, taken)
    return list(taken)


def later(shot: Shot, **changes: Any) -> Shot:
    """``shot`` predicted again an hour later, with other values."""
    return replace(shot, **{"at": shot.at + dt.timedelta(hours=1)} | changes)
