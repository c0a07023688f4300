"""The Arrow schema of an example of image moderation: one picture that a person has looked at."""

from __future__ import annotations

import pyarrow as pa

from models.columns import TIME

EXAMPLE_SCHEMA = pa.schema(
    [
        # moderation/images/<sha256> of its bytes, or gold/<sha256>; the key of an example
        pa.field("photo", pa.string(), nullable=False),
        # whose it is; content/<id> where nobody is named, gold/<first 16 of sha256> for such gold
        pa.field("user_id", pa.string(), nullable=False),
        # when it was decided about; for gold when it was added
        pa.field("at", TIME, nullable=False),
        # its key in the bucket, as the decision names it
        ("source", pa.string()),
        ("decision_id", pa.string()),
        ("content_id", pa.string()),
        ("content_kind", pa.string()),
        # what the model said of the content: null where it was not asked, or of several pictures together
        ("predicted_class", pa.string()),
        ("confidence", pa.float64()),
        # probability of the first class minus that of the second
        ("margin", pa.float64()),
        # JSON: class -> probability
        ("probabilities", pa.string()),
        ("model_version", pa.string()),
        ("sha256", pa.string()),
        # 64-bit perceptual hash as a signed number
        ("phash", pa.int64()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("frames", pa.int32()),
        ("sharpness", pa.float64()),
        ("brightness", pa.float64()),
        # why an admin should look again; null: the review counts
        ("flag", pa.string()),
        # what the review says of the picture; gold: its folder
        ("label", pa.string()),
        ("verified_by", pa.string()),
        ("verified_at", TIME),
        pa.field("split", pa.string(), nullable=False),
        # the picture's bytes as they came
        ("image", pa.binary()),
    ]
)

#: Read anew on each pass, never all at once.
HEAVY = ("image",)
SPLIT_SALT = "imagery"
EVALUATION_SALT = "imagery evaluation"
