"""Pictures of both sides told apart: by the predictor's own embedding, else by simple statistics of theirs."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from models.family import Family, Predictor
from models.monitoring.contract import Compared, Watch
from models.monitoring.embeddings import LEAST_ROWS, compare_embedded, sampled
from models.monitoring.inputs import Rules
from models.monitoring.side import days_of

#: Pictures of each side that are looked at: each takes some milliseconds.
MOST_PICTURES = 600
_SIDE = 64


def compare_pictures(
    family: Family,
    watch: Watch,
    predictor: Predictor | None,
    reference: pa.Table,
    current: pa.Table,
    options: Any,
    rules: Rules,
) -> Compared | None:
    """The pictures of both tables; None: too few can be opened.

    Args:
        family: whose pictures.
        watch: of the family.
        predictor: whose embedding is used, where the family has one.
        reference: rows with the column ``watch.picture``, and entity and time where known.
        current: the same of now.
        options: of the family.
        rules: see :class:`Rules`.
    """
    if watch.picture is None:
        return None
    tables = [_sample(family, watch.picture, table, rules) for table in (reference, current)]
    if min(table.num_rows for table in tables) < LEAST_ROWS:
        return None
    seen = [_embedded(watch, predictor, table[watch.picture].to_pylist(), options) for table in tables]
    names = [
        _names(family, table).take(pa.array(kept)).to_pylist()
        for table, (_, kept) in zip(tables, seen, strict=True)
    ]
    number = {name: at for at, name in enumerate(dict.fromkeys([*names[0], *names[1]]))}
    groups = tuple(np.array([number[name] for name in side], np.int64) for side in names)
    middle, width = seen[0][0].mean(axis=0), seen[0][0].std(axis=0) + 1e-9
    matrices = tuple((matrix - middle) / width for matrix, _ in seen)
    missing = [1 - len(kept) / max(table.num_rows, 1) for table, (_, kept) in zip(tables, seen, strict=True)]
    return compare_embedded(
        watch.picture,
        "picture",
        (matrices[0], matrices[1]),
        (groups[0], groups[1]),
        days_of(tables[0], family.time)[seen[0][1]],
        rules,
        (missing[0], missing[1]),
    )


def _sample(family: Family, name: str, table: pa.Table, rules: Rules) -> pa.Table:
    table = table.filter(table[name].is_valid())
    digests = [hashlib.blake2b(picture, digest_size=12).hexdigest() for picture in table[name].to_pylist()]
    entities = np.array(_names(family, table).to_pylist(), dtype=object)
    return table.take(pa.array(sampled(np.array(digests, dtype=object), entities, MOST_PICTURES, rules.seed)))


def _names(family: Family, table: pa.Table) -> pa.Array:
    """(n,) whose each picture is; without a name its own."""
    column = family.person or family.entity
    values = table[column].to_pylist() if column in table.column_names else [None] * table.num_rows
    return pa.array(
        [f"row {at}" if value is None else str(value) for at, value in enumerate(values)], pa.string()
    )


def _embedded(
    watch: Watch, predictor: Predictor | None, pictures: Sequence[bytes], options: Any
) -> tuple[np.ndarray, np.ndarray]:
    if watch.embed is not None and predictor is not None:
        return watch.embed(predictor, list(pictures), options)
    return statistics(pictures)


def statistics(pictures: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Width, height, and mean and spread of each colour and of the edges (n, 9) of the pictures that can be
    opened, and which they are (n,).
    """
    from PIL import Image, UnidentifiedImageError

    rows, places = [], []
    for place, picture in enumerate(pictures):
        try:
            with Image.open(io.BytesIO(picture)) as image:
                size = image.size
                pixels = np.asarray(image.convert("RGB").resize((_SIDE, _SIDE)), np.float64) / 255
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
            continue
        grey = pixels.mean(axis=2)
        edges = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
        colours = [*pixels.mean(axis=(0, 1)), *pixels.std(axis=(0, 1))]
        rows.append([np.log(size[0]), np.log(size[1]), *colours, edges])
        places.append(place)
    return np.array(rows, float).reshape(len(rows), 9), np.array(places, np.int64)
