"""An admin's label for a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from config.errors import InputError
from models.text.clean import TextCleaner

Correct = Callable[[pa.RecordBatch, Mapping[int, str], Any], pa.RecordBatch]


def correction(cleaner: TextCleaner) -> Correct:
    """``Family.correct`` of a text family whose labels ``cleaner`` reads."""

    def correct(rows: pa.RecordBatch, labels: Mapping[int, str], _options: Any) -> pa.RecordBatch:
        """``rows`` with the labels that an admin gave. Raises InputError for one that is none."""
        column = rows.column("label").to_pylist()
        for row, label in labels.items():
            read = cleaner.read(label, "")
            if read is None:
                raise InputError(f"'{label}' is no label.", hint=f"Labels: {', '.join(cleaner.known)}.")
            column[row] = read
        place = rows.schema.get_field_index("label")
        return rows.set_column(place, rows.schema.field("label"), pa.array(column, pa.string()))

    return correct
