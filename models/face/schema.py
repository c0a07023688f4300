"""The Arrow schema of a face example: one photo."""

from __future__ import annotations

import pyarrow as pa

from models.columns import TIME

EXAMPLE_SCHEMA = pa.schema(
    [
        # the photo's key in the photo bucket, or gold/<sha256>; the key of an example
        pa.field("photo", pa.string(), nullable=False),
        # whose it is; for gold without a known person gold/<first 16 of sha256>
        pa.field("user_id", pa.string(), nullable=False),
        # when it was predicted; for gold when it was added
        pa.field("at", TIME, nullable=False),
        ("prediction_id", pa.string()),
        ("predicted_class", pa.string()),
        ("confidence", pa.float64()),
        # probability of the first class minus that of the second
        ("margin", pa.float64()),
        # JSON: class -> probability
        ("probabilities", pa.string()),
        ("model_version", pa.string()),
        ("sha256", pa.string()),
        # 64-bit perceptual hash as a signed number; null where the picture cannot be opened
        ("phash", pa.int64()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        # the largest face, in pixels of the upright picture; null where none was found
        ("face_x", pa.int32()),
        ("face_y", pa.int32()),
        ("face_width", pa.int32()),
        ("face_height", pa.int32()),
        ("faces", pa.int32()),
        ("sharpness", pa.float64()),
        ("brightness", pa.float64()),
        # why it was set aside; null: nothing was noticed
        ("flag", pa.string()),
        # the class, once an admin has confirmed or corrected it; gold: its folder
        ("label", pa.string()),
        ("verified_by", pa.string()),
        ("verified_at", TIME),
        pa.field("split", pa.string(), nullable=False),
        # the photo's bytes as uploaded; null where they are no image
        ("image", pa.binary()),
    ]
)

#: Read anew on each pass, never all at once.
HEAVY = ("image",)
SPLIT_SALT = "face"
