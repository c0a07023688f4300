"""The face model and the photos that the benchmarks use: drawn, and the network of the default size."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
from PIL import Image

from demo.faces import draw_face, jpeg, make_person
from demo.styles import STYLES
from models.face.options import FaceOptions
from models.face.predictor import FacePredictor
from models.face.schema import EXAMPLE_SCHEMA
from models.face.training import fit

SIDE = 224


def photo(style: str, rng: np.random.Generator, side: int = SIDE) -> bytes:
    """A drawn portrait as a JPEG of ``side`` pixels."""
    drawn = Image.fromarray(draw_face(style, make_person(rng), rng))
    return jpeg(np.asarray(drawn.resize((side, side), Image.Resampling.BICUBIC)))


def photos(count: int, seed: int = 1) -> list[bytes]:
    """Portraits of all styles in turn."""
    rng = np.random.default_rng(seed)
    return [photo(STYLES[number % len(STYLES)], rng) for number in range(count)]


def sample_model(people: int = 6, epochs: int = 3) -> FacePredictor:
    """A model of all styles, trained shortly: how well it answers does not change how quickly."""
    options = FaceOptions(classes=tuple(STYLES))
    return fit(_rows(people, 2), _rows(3, 3), options, {"epochs": epochs}, 7)


def _rows(people: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for style in STYLES:
            row = dict.fromkeys(EXAMPLE_SCHEMA.names) | {
                "photo": f"{seed}-{person}/{style}.jpg",
                "user_id": f"{seed}-{person}",
                "at": dt.datetime(2026, 10, 1, tzinfo=dt.UTC),
                "label": style,
                "split": "train",
                "image": photo(style, rng),
            }
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)
