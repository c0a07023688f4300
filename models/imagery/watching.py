"""What the monitor looks at in image moderation: the pictures, where they came from, and what is answered."""

from __future__ import annotations

import pyarrow as pa

from models.imagery.options import ImageryOptions
from models.images.watching import answers_by, embed, light, picture_features, picture_slices, predicted
from models.monitoring.contract import Watch
from models.streams import RowStream


def features(rows: pa.Table, _options: ImageryOptions) -> pa.Table:
    """Size, sharpness, brightness, frames, and of which kind of content the picture is a part."""
    return pa.table({**picture_features(rows), "frames": rows["frames"], "content_kind": rows["content_kind"]})


def slices(rows: pa.Table | RowStream, _options: ImageryOptions) -> pa.Table:
    """Brightness, size, and the kind of content."""
    seen = light(rows)
    return pa.table({**picture_slices(seen), "content_kind": seen["content_kind"]})


WATCH = Watch(
    features=features,
    slices=slices,
    predicted=predicted,
    picture="image",
    embed=embed,
    answers=answers_by("label"),
)
