"""What the monitor looks at in the face family: the photos, the faces on them, and what is answered."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.face.options import FaceOptions
from models.images.watching import answers_by, embed, light, picture_features, picture_slices, predicted
from models.monitoring.asking import objects
from models.monitoring.contract import Watch
from models.monitoring.rates import given, rate
from models.streams import RowStream


def features(rows: pa.Table, _options: FaceOptions) -> pa.Table:
    """Size, sharpness, brightness, how many faces there are, and how much of the width the largest takes."""
    share = rate(rows["face_width"], rows["width"])
    return pa.table({**picture_features(rows), "faces": rows["faces"], "face_share": share})


def slices(rows: pa.Table | RowStream, _options: FaceOptions) -> pa.Table:
    """Brightness, size, and whether a face was found."""
    seen = light(rows)
    found: Any = pc.if_else(pc.greater(pc.fill_null(seen["faces"], 0), 0), "found", "none")
    return pa.table({**picture_slices(seen), "face": found})


def asked(records: pa.Table, _options: FaceOptions) -> tuple[None, pa.Table]:
    """What the service answered: of the photos it was asked about only digests are kept."""
    said = objects(records["answer"])
    classes, scores = ([one.get(name) for one in said] for name in ("class", "confidence"))
    return None, given(classes, scores, records["model_version"])


WATCH = Watch(
    features=features,
    slices=slices,
    predicted=predicted,
    asked=asked,
    picture="image",
    embed=embed,
    answers=answers_by("class"),
    live_stage="verified",
)
