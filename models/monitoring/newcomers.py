"""Categories that the training rows do not have, or hardly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.monitoring.bins import is_number, texts
from models.monitoring.side import Side

#: New values must make up this share of the rows, come from this many entities, and on this many days.
LEAST_SHARE, LEAST_ENTITIES, LEAST_DAYS = 0.02, 20, 2
#: A column of more values than this has new ones all the time.
MOST_VALUES = 100


def newcomers(reference: Side, current: Side) -> list[tuple[str, list[str], float]]:
    """Columns with new values: (column, the values, the most frequent first, their share of the rows)."""
    found = []
    for name in reference.columns.column_names:
        before, now = reference.columns[name], current.columns[name]
        if is_number(before) or pa.types.is_boolean(before.type) or pa.types.is_null(before.type):
            continue
        known = pc.unique(texts(before).drop_null().combine_chunks())
        if not 0 < len(known) <= MOST_VALUES:
            continue
        new = pc.and_(pc.invert(pc.is_in(texts(now), value_set=known)), now.is_valid())
        rows = np.asarray(new).astype(bool)
        if rows.mean() >= LEAST_SHARE and _many(current, rows):
            counts = pc.value_counts(texts(now).filter(pa.array(rows)).combine_chunks()).to_pylist()
            ranked = sorted(counts, key=lambda row: (-row["counts"], row["values"]))
            found.append((name, [row["values"] for row in ranked], float(rows.mean())))
    return found


def _many(side: Side, rows: np.ndarray) -> bool:
    entities = min((len(np.unique(codes[rows])) for codes in side.clusters), default=int(rows.sum()))
    return entities >= LEAST_ENTITIES and len(np.unique(side.days[rows])) >= LEAST_DAYS
