"""Which photos train, which calibrate, and which measure: by user, for ever."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.family import TEST, TRAIN, VALID, Rows
from models.images.hashing import nearest
from models.images.options import PhotoOptions


def training_rows(examples: Rows, options: PhotoOptions) -> tuple[Rows, Rows, Rows]:
    """(train, valid, test) of the labelled rows of ``examples``, by their column ``split``.

    What a picture shows is no question about the future, so that there is no cut in time: a user's photos are
    on one side.
    Rows of a class that is no longer among ``options.classes`` are left out.

    The same picture may still be there under two names: as gold and as an upload, or by two users where an
    admin has let a duplicate pass. It stays where it measures: valid is without what test has, train without
    either.
    """
    known = pc.is_in(examples["label"], value_set=pa.array(options.classes, pa.string()))
    train, valid, test = (
        examples.filter(pc.and_(known, pc.equal(examples["split"], role))) for role in (TRAIN, VALID, TEST)
    )
    valid = _without(valid, test, options)
    return _without(_without(train, valid, options), test, options), valid, test


def _without(rows: Rows, others: Rows, options: PhotoOptions) -> Rows:
    """``rows`` but for pictures that are, byte for byte or to the eye, among ``others``."""
    known = pc.unique(others["sha256"].drop_null())
    same = pc.fill_null(pc.is_in(rows["sha256"], value_set=known), False).to_numpy(zero_copy_only=False)
    keep = ~np.asarray(same, bool)
    seen = np.flatnonzero(rows["phash"].is_valid().to_numpy())
    distances, _ = nearest(_hashes(rows), np.unique(_hashes(others)))
    keep[seen[distances <= options.near_bits]] = False
    return rows if keep.all() else rows.filter(pa.array(keep))


def _hashes(rows: Rows) -> np.ndarray:
    """(m,) int64: the perceptual hashes that there are."""
    return np.asarray(rows["phash"].drop_null().to_numpy(), np.int64)
