"""One of the two sides that are compared: columns, whose rows they are, and of which days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from models.columns import epoch_us
from models.family import Family
from models.monitoring.clusters import cluster_codes

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Side:
    """Rows of the reference, or of now.

    Attributes:
        columns: what is compared, a row each.
        clusters: (n,) numbers of the entity, person or item of each row, by each column of such.
        days: (n,) the UTC day of each row as a number.
    """

    columns: pa.Table
    clusters: tuple[np.ndarray, ...]
    days: np.ndarray

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.days)

    def take(self, keep: np.ndarray) -> Side:
        """The rows of an index or of a mask (n,)."""
        rows = np.flatnonzero(keep) if keep.dtype == bool else keep
        return Side(
            self.columns.take(pa.array(rows)),
            tuple(np.unique(codes[rows], return_inverse=True)[1] for codes in self.clusters),
            self.days[rows],
        )


def side_of(family: Family, rows: pa.Table, columns: pa.Table) -> Side:
    """``columns`` (n rows), with the clusters and days that the family's ``rows`` (n) have."""
    names = (family.entity, family.person, family.about)
    return Side(columns, tuple(cluster_codes(rows, names)), days_of(rows, family.time))


def days_of(rows: pa.Table, time: str) -> np.ndarray:
    """(n,) the UTC day of each row as a number; all of one day where there is no such column."""
    if time not in rows.column_names:
        return np.zeros(rows.num_rows, np.int64)
    moments = epoch_us(rows[time])
    return np.asarray(moments.fill_null(0).to_numpy() // DAY_US, dtype=np.int64)


def alike(reference: Side, current: Side) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """The clusters of both, as many on each side; rows are their own where only one side knows theirs."""
    size = max(len(reference.clusters), len(current.clusters))
    return tuple(  # type: ignore[return-value]
        [*side.clusters, *[np.arange(side.rows)] * (size - len(side.clusters))] for side in (reference, current)
    )
