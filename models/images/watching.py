"""What the monitor looks at in the families of pictures, the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.images.crops import as_stream
from models.images.formats import ImageInvalid
from models.images.predictor import PhotoPredictor
from models.monitoring.rates import given, sized
from models.streams import RowStream

#: Mean grey from which a picture is of the next brightness, and pixels from which it is of the next size.
BRIGHTNESS, BRIGHTNESS_NAMES = (0.3, 0.6), ("dark", "normal", "bright")
SIZES, SIZE_NAMES = (256, 720), ("small", "medium", "large")
_CHUNK = 32


def picture_features(rows: pa.Table) -> dict[str, Any]:
    """Width, height, bytes, sharpness and brightness of each picture."""
    names = ("width", "height", "bytes", "sharpness", "brightness")
    return {name: rows[name] for name in names}


def picture_slices(rows: pa.Table) -> dict[str, Any]:
    """Brightness and size of each picture, in classes."""
    shorter = pc.min_element_wise(rows["width"], rows["height"])
    return {
        "brightness": sized(rows["brightness"], BRIGHTNESS, BRIGHTNESS_NAMES),
        "size": sized(shorter, SIZES, SIZE_NAMES),
    }


def light(rows: pa.Table | RowStream) -> pa.Table:
    """The light columns."""
    return rows.table if isinstance(rows, RowStream) else rows


def predicted(rows: pa.Table, _options: Any) -> pa.Table:
    """The class that was predicted of each picture, and how sure that was."""
    return given(rows["predicted_class"], rows["confidence"], rows["model_version"])


def answers_by(name: str) -> Callable[[Any, Any, Any], pa.Table]:
    """``Watch.answers`` for predictors whose answers have the class as ``name``."""

    def answers(predictor: PhotoPredictor, rows: pa.Table | RowStream, _options: Any) -> pa.Table:
        seen: list[dict[str, Any] | ImageInvalid] = []
        for batch in as_stream(rows).batches():
            for start in range(0, batch.num_rows, _CHUNK):
                pictures = batch.column("image").slice(start, _CHUNK).to_pylist()
                seen += predictor.answer_photos([picture or b"" for picture in pictures])
        said = [{} if isinstance(one, ImageInvalid) else one for one in seen]
        return given([one.get(name) for one in said], [one.get("confidence") for one in said])

    return answers


def embed(predictor: PhotoPredictor, pictures: Sequence[bytes], _options: Any) -> tuple[np.ndarray, np.ndarray]:
    """The predictor's embeddings (n, d) of the pictures that can be opened, and which they are (n,)."""
    crops, places = [], []
    for place, picture in enumerate(pictures):
        try:
            crops.append(predictor.prepare(picture).crop)
        except ImageInvalid:
            continue
        places.append(place)
    if not crops:
        return np.zeros((0, 1)), np.zeros(0, np.int64)
    return predictor.classifier.embed(np.stack(crops)).astype(np.float64), np.array(places, np.int64)
