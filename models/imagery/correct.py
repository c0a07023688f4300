"""What an admin's correction makes of a picture: another label."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from config.errors import InputError
from models.imagery.options import ImageryOptions


def correct(rows: pa.RecordBatch, labels: Mapping[int, str], options: ImageryOptions) -> pa.RecordBatch:
    """``rows`` with those labels, by row.

    Raises:
        InputError: one is none of the classes.
    """
    strange = sorted(set(labels.values()) - set(options.classes))
    if strange:
        raise InputError(
            f"'{strange[0]}' is no class of image moderation.", hint=f"Classes: {', '.join(options.classes)}."
        )
    place = rows.schema.get_field_index("label")
    values = rows.column(place).to_pylist()
    for row, label in labels.items():
        values[row] = label
    return rows.set_column(place, rows.schema.field(place), pa.array(values, pa.string()))
