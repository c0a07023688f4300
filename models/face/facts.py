"""What the index of candidates keeps of a photo."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from models.candidates import CandidateFacts
from models.face.duplicates import base_key, duplicate_of, is_duplicate
from models.face.options import FaceOptions

#: What there is to show beside class, confidence and flag.
SHOWN = (
    "prediction_id", "model_version", "sha256", "bytes", "width", "height",
    "face_x", "face_y", "face_width", "face_height", "faces", "sharpness", "brightness",
)  # fmt: skip


def facts(batch: pa.RecordBatch, _options: FaceOptions) -> list[CandidateFacts]:
    """The facts of each row of ``batch``, which has all columns but the photos' bytes.

    A duplicate's ``phash`` is None: it is not compared with, the one that it repeats is.
    """
    return [_facts(row) for row in batch.to_pylist()]


def _facts(row: dict[str, Any]) -> CandidateFacts:
    values = {name: row[name] for name in SHOWN if row[name] is not None}
    values["at"] = row["at"].isoformat()
    values["probabilities"] = json.loads(row["probabilities"]) if row["probabilities"] else {}
    if repeats := duplicate_of(row["flag"]):
        values["duplicate_of"] = repeats
    return CandidateFacts(
        key=(row["photo"],),
        entity=row["user_id"],
        label=row["predicted_class"],
        confidence=row["confidence"],
        margin=row["margin"],
        flag=row["flag"],
        image=base_key(row["photo"]) if row["sha256"] else None,
        sha256=row["sha256"],
        phash=None if is_duplicate(row["flag"]) else row["phash"],
        values=values,
    )
