"""The band that counts fall into, and what an admin's correction makes of the counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.ctr.options import BANDS, CtrOptions

#: Beta(1, 60): few impressions say little, so that one click of three is no viral clip. For counts in manifests
#: and on pages only: nothing is fitted on the band.
PRIOR_CLICKS, PRIOR_IMPRESSIONS = 1, 61


def shrunk_rate(clicks: np.ndarray, impressions: np.ndarray) -> np.ndarray:
    """(n,) click-through rates, drawn towards the prior where there are few impressions."""
    return np.asarray((clicks + PRIOR_CLICKS) / (impressions + PRIOR_IMPRESSIONS))


def band_names(clicks: np.ndarray, impressions: np.ndarray, options: CtrOptions) -> np.ndarray:
    """(n,) names of the bands of counts."""
    rates = shrunk_rate(clicks, impressions)
    return np.asarray(BANDS)[np.searchsorted(np.asarray(options.thresholds), rates, side="right")]


def correct(rows: pa.RecordBatch, labels: Mapping[int, str], options: CtrOptions) -> pa.RecordBatch:
    """Examples with labels of an admin's in place of their own.

    A model learns from the clicks, so they follow: to the nearest count of the band.

    Raises:
        InputError: a label is no band, or so few impressions cannot be of that band.
    """
    label, clicks = rows.column("label").to_pylist(), rows.column("clicks").to_pylist()
    impressions = rows.column("impressions").to_pylist()
    for row, name in labels.items():
        if name not in BANDS:
            raise InputError(f"'{name}' is no band of the CTR.", hint=f"Bands: {', '.join(BANDS)}.")
        label[row], clicks[row] = name, _nearest(clicks[row], impressions[row], name, options)
    for column, values in (("label", label), ("clicks", clicks)):
        field = rows.schema.field(column)
        rows = rows.set_column(rows.schema.get_field_index(column), field, pa.array(values, field.type))
    return rows


def _nearest(clicks: int, impressions: int, name: str, options: CtrOptions) -> int:
    """The clicks of band ``name`` nearest to ``clicks``, of that many impressions."""
    edges = (0.0, *options.thresholds, 2.0)
    place = BANDS.index(name)
    whole = impressions + PRIOR_IMPRESSIONS

    def first_of(edge: float) -> int:
        """The fewest clicks whose shrunk rate is at ``edge`` or above."""
        found = max(math.ceil(edge * whole) - PRIOR_CLICKS, 0)
        while (found + PRIOR_CLICKS) / whole < edge:  # what rounding has taken
            found += 1
        while found and (found - 1 + PRIOR_CLICKS) / whole >= edge:
            found -= 1
        return found

    least, most = first_of(edges[place]), min(first_of(edges[place + 1]) - 1, impressions)
    if least > most:
        raise InputError(
            f"An outcome with {impressions:,} impressions cannot be of band '{name}'.",
            hint="Accept it, reject it, or choose another band.",
        )
    return min(max(clicks, least), most)
