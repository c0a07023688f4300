"""Drawn portraits as labelled photos, and a tiny real face model of them, for all tests that need one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA
from tests.unit.models.images.portraits import draw_portrait

CLASSES = ("Business", "Soft", "Sunny")
OPTIONS = FaceOptions(classes=CLASSES)
#: Enough to tell drawn portraits apart, and done in seconds.
TINY: dict[str, Any] = {"size": 32, "width": 8, "embedding": 16, "epochs": 6, "batch": 16}
SEED = 7


def jpeg(pixels: np.ndarray, quality: int = 90) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="JPEG", quality=quality)
    return out.getvalue()


def portrait(style: int, seed: int, size: int = 96) -> bytes:
    """A drawn portrait as a JPEG file."""
    return jpeg(draw_portrait(np.random.default_rng([seed, style]), size, style))


def face_rows(
    users: int, seed: int = 1, classes: Sequence[str] = CLASSES, split: str = "train", size: int = 96
) -> pa.Table:
    """One photo of each class for each user, in the family's schema."""
    rows = []
    for user in range(users):
        for style, label in enumerate(classes):
            row: dict[str, Any] = {column.name: None for column in EXAMPLE_SCHEMA}
            rows.append(
                row
                | {
                    "photo": f"user-{seed}-{user}/{label}.jpg",
                    "user_id": f"user-{seed}-{user}",
                    "at": datetime(2026, 10, 1 + user % 28, tzinfo=UTC),
                    "label": label,
                    "split": split,
                    "image": portrait(style, seed * 100_000 + user, size),
                }
            )
    return pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)


@lru_cache(maxsize=4)
def _tiny(seed: int) -> tuple[tuple[str, bytes], ...]:
    from models.face.training import fit

    predictor = fit(face_rows(24, 1), face_rows(10, 2, split="valid"), OPTIONS, TINY, seed)
    return tuple(predictor.to_files().items())


def tiny_face_files(seed: int = SEED) -> dict[str, bytes]:
    """The files of a real, tiny face model of ``CLASSES``; trained once a session in a few seconds."""
    return dict(_tiny(seed))
