"""Which photos train, which calibrate, and which measure: by user, for ever."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from models.face.options import FaceOptions
from models.family import TEST, TRAIN, VALID, Rows


def training_rows(examples: Rows, options: FaceOptions) -> tuple[Rows, Rows, Rows]:
    """(train, valid, test) of the labelled rows of ``examples``, by their column ``split``.

    A style is no question about the future, so that there is no cut in time: a user's photos are on one side.
    Rows of a class that is no longer among ``options.classes`` are left out.
    """
    known = pc.is_in(examples["label"], value_set=pa.array(options.classes, pa.string()))
    parts = [
        examples.filter(pc.and_(known, pc.equal(examples["split"], role))) for role in (TRAIN, VALID, TEST)
    ]
    return parts[0], parts[1], parts[2]
