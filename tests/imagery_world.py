"""Drawn stand-ins for moderated pictures, and a tiny real model of them, for all tests that need one.

Nothing of it is what its label says: safe are waves, nsfw are discs, violence are bars.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw
from sqlalchemy import Engine, insert

from models.imagery.options import ImageryOptions
from models.imagery.predictor import ImageryPredictor, load
from models.imagery.schema import EXAMPLE_SCHEMA
from storage.content_tables import ModerationDecision, ModerationReview
from storage.database import transaction

OPTIONS = ImageryOptions(thresholds={"nsfw": 0.7, "violence": 0.75})
CLASSES = OPTIONS.classes
#: Enough to tell drawn pictures apart, and done in seconds.
TINY: dict[str, Any] = {"size": 32, "width": 8, "embedding": 16, "epochs": 6, "batch": 16}
SEED = 7


def draw(label: str, seed: int, width: int = 96, height: int = 72) -> Image.Image:
    """A picture of the class."""
    rng = np.random.default_rng([seed, CLASSES.index(label)])
    across = np.linspace(0, rng.uniform(4, 8), width) + rng.uniform(0, 6)
    down = np.linspace(0, rng.uniform(4, 8), height)[:, None]
    waves = 110 + 50 * np.sin(across + down)
    pixels = np.stack([waves + rng.uniform(-30, 30) for _ in range(3)], axis=2)
    pixels = (pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(pixels, "RGB")
    pen = ImageDraw.Draw(image)
    light = tuple(int(value) for value in rng.integers(200, 256, 3))
    dark = tuple(int(value) for value in rng.integers(0, 40, 3))
    if label == "nsfw":
        x, y, r = (
            rng.uniform(0.35, 0.65) * width,
            rng.uniform(0.4, 0.6) * height,
            rng.uniform(0.25, 0.38) * height,
        )
        pen.ellipse([x - r, y - r, x + r, y + r], fill=light)
    if label == "violence":
        for at in np.arange(rng.uniform(0, 0.15), 1.0, 0.25):
            pen.rectangle([at * width, 0, (at + 0.1) * width, height], fill=dark)
    return image


def picture(label: str, seed: int, form: str = "JPEG", **size: int) -> bytes:
    """A picture of the class as a file."""
    out = io.BytesIO()
    draw(label, seed, **size).save(out, format=form)
    return out.getvalue()


def animation(labels: Sequence[str], seed: int = 1, form: str = "GIF") -> bytes:
    """A picture that moves: one frame a label."""
    frames = [draw(label, seed + place) for place, label in enumerate(labels)]
    out = io.BytesIO()
    frames[0].save(out, format=form, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    return out.getvalue()


def insert_decision(
    engine: Engine,
    images: Sequence[str],
    *,
    reviews: Sequence[tuple[str, str, datetime]] = (),
    creator: str | None = "ann",
    content: str = "post-1",
    kind: str = "post",
    scores: dict[str, float] | None = None,
    reasons: Sequence[dict[str, Any]] = (),
    at: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC),
) -> UUID:
    """A decision of moderation about pictures, and its reviews: labels joined by ``+``, reviewer, time."""
    number = uuid4()
    with transaction(engine) as connection:
        connection.execute(
            insert(ModerationDecision).values(
                id=number, content_id=content, content_kind=kind, creator_id=creator, at=at, text=None,
                language=None, images=list(images), decision="review_required", reasons=list(reasons),
                scores=scores or {"nsfw": 0.5, "violence": 0.1}, uncertainty=0.9, version=None,
                image_version="1", received_at=at, open=not reviews,
            )
        )  # fmt: skip
        for labels, reviewer, when in reviews:
            connection.execute(
                insert(ModerationReview).values(
                    decision_id=number, decision="rejected" if labels else "approved",
                    labels=[name for name in labels.split("+") if name], note=None, reviewer=reviewer, at=when,
                )
            )  # fmt: skip
    return number


def imagery_rows(
    people: int, seed: int = 1, classes: Sequence[str] = CLASSES, split: str = "train", **more: Any
) -> pa.Table:
    """One picture of each class for each person, in the family's schema."""
    rows = []
    for person in range(people):
        for label in classes:
            row: dict[str, Any] = {column.name: None for column in EXAMPLE_SCHEMA}
            rows.append(
                row
                | {
                    "photo": f"gold/{seed}-{person}-{label}",
                    "user_id": f"user-{seed}-{person}",
                    "at": datetime(2026, 10, 1 + person % 28, tzinfo=UTC),
                    "label": label,
                    "split": split,
                    "image": picture(label, seed * 100_000 + person),
                }
                | more
            )
    return pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)


@lru_cache(maxsize=2)
def _tiny(seed: int) -> tuple[tuple[str, bytes], ...]:
    from models.imagery.training import fit

    predictor = fit(imagery_rows(24, 1), imagery_rows(10, 2, split="valid"), OPTIONS, TINY, seed)
    return tuple(predictor.to_files().items())


def tiny_imagery_files(seed: int = SEED) -> dict[str, bytes]:
    """The files of a real, tiny model; trained once a session in a few seconds."""
    return dict(_tiny(seed))


def tiny_imagery_model(seed: int = SEED) -> ImageryPredictor:
    """That model, loaded."""
    return load(tiny_imagery_files(seed))
