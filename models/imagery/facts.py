"""What the index of candidates keeps of a picture."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from models.candidates import CandidateFacts
from models.imagery.options import ImageryOptions

#: What there is to show beside label, confidence and flag.
SHOWN = (
    "predicted_class", "decision_id", "content_id", "content_kind", "model_version", "sha256", "bytes", "width",
    "height", "frames", "sharpness", "brightness", "verified_by",
)  # fmt: skip


def facts(batch: pa.RecordBatch, _options: ImageryOptions) -> list[CandidateFacts]:
    """The facts of each row of ``batch``, which has all columns but the pictures' bytes.

    The label is what the review said: accepting a candidate is agreeing with it.
    """
    return [_facts(row) for row in batch.to_pylist()]


def _facts(row: dict[str, Any]) -> CandidateFacts:
    values = {name: row[name] for name in SHOWN if row[name] is not None}
    values["at"] = row["at"].isoformat()
    chances = json.loads(row["probabilities"]) if row["probabilities"] else {}
    values["probabilities"] = chances
    return CandidateFacts(
        key=(row["photo"],),
        entity=row["user_id"],
        label=row["label"],
        confidence=chances.get(row["label"]),
        margin=row["margin"],
        flag=row["flag"],
        image=row["source"],
        sha256=row["sha256"],
        phash=row["phash"],
        values=values,
    )
