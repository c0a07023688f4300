"""Rows of which only the light columns are in memory; the heavy ones are read anew on each pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

#: Starts a new pass over a version: batches with all columns, always the same rows in the same order.
Open = Callable[[], Iterator[pa.RecordBatch]]


class RowStream:
    """A selection of a version's rows, to be passed over any number of times.

    Args:
        table: (rows,) the light columns of all rows of the version.
        opened: starts a pass over the same rows with all columns.
        keep: (rows,) bool, which of them are meant; None: all.
    """

    def __init__(self, table: pa.Table, opened: Open, keep: np.ndarray | None = None) -> None:
        self._all, self._open = table, opened
        self._keep = np.ones(table.num_rows, bool) if keep is None else np.asarray(keep, bool)
        self.table: pa.Table = table if self._keep.all() else table.filter(pa.array(self._keep))

    @property
    def num_rows(self) -> int:
        """How many rows are meant."""
        return int(self.table.num_rows)

    @property
    def schema(self) -> pa.Schema:
        """Of the light columns."""
        return self.table.schema

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """A light column."""
        return self.table[name]

    def filter(self, mask: Any) -> RowStream:
        """Those rows of this selection for which ``mask`` (num_rows,) is true; null counts as false."""
        if isinstance(mask, pa.ChunkedArray):
            mask = mask.combine_chunks()
        if isinstance(mask, pa.Array):
            mask = mask.fill_null(False).to_numpy(zero_copy_only=False)
        keep = self._keep.copy()
        keep[np.flatnonzero(keep)] = np.asarray(mask, bool)
        return RowStream(self._all, self._open, keep)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """One pass over the rows with all columns, in the order of ``table``; empty batches are left out.

        Raises:
            ValueError: a pass gave another number of rows than the table has.
        """
        start = 0
        for batch in self._open():
            mask = self._keep[start : start + batch.num_rows]
            start += batch.num_rows
            if len(mask) != batch.num_rows:
                break
            if mask.all() and len(mask):
                yield batch
            elif mask.any():
                yield batch.filter(pa.array(mask))
        if start != len(self._keep):
            raise ValueError("A stream of rows changed while it was read.")
