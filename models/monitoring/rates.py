"""Small helpers by which families say what is compared: rates, sizes in classes, lengths, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import epoch_us
from models.monitoring.contract import PREDICTED_SCHEMA

HOUR_US = 3_600_000_000


def rate(part: pa.ChunkedArray, whole: pa.ChunkedArray) -> Any:
    """(n,) part / whole as float64; null where either is null or the whole is not above zero."""
    whole = whole.cast(pa.float64())
    known = pc.if_else(pc.greater(whole, 0.0), whole, pa.scalar(None, pa.float64()))
    return pc.divide(part.cast(pa.float64()), known)


def hours_between(earlier: pa.ChunkedArray, later: pa.ChunkedArray) -> Any:
    """(n,) hours from one time to the other as float64; null where either is."""
    return pc.divide(pc.subtract(epoch_us(later), epoch_us(earlier)).cast(pa.float64()), float(HOUR_US))


def sized(values: pa.ChunkedArray, edges: Sequence[float], names: Sequence[str]) -> pa.Array:
    """(n,) the name of each value's class: ``names[k]`` from ``edges[k - 1]`` on; null stays null."""
    known = np.asarray(values.is_valid())
    numbers = np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0))
    places = np.searchsorted(np.asarray(edges, float), numbers, side="right")
    return pa.array(np.asarray(names, dtype=object)[places], pa.string(), mask=~known)


def text_length(values: pa.ChunkedArray) -> Any:
    """(n,) characters of each text as int64; null stays null."""
    return pc.utf8_length(values).cast(pa.int64())


def given(answers: Any, scores: Any, versions: Any = None) -> pa.Table:
    """A table of ``PREDICTED_SCHEMA`` out of (n,) classes, scores and versions; None: of no version."""
    columns = (answers, scores, [None] * len(answers) if versions is None else versions)
    return pa.table(dict(zip(PREDICTED_SCHEMA.names, columns, strict=True)), schema=PREDICTED_SCHEMA)
