"""A day's reviewed pictures, one after another: labelled, looked at, and given as batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.imagery.labels import answer_of, doubt_of, label_of
from models.imagery.options import ImageryOptions
from models.imagery.schema import EXAMPLE_SCHEMA, SPLIT_SALT
from models.images.looking import BATCH_BYTES, BATCH_PHOTOS, Photos, looked_at
from models.images.noticing import Noticed
from models.splits import assign_split

AGAIN = "reviewed again later"
UNUSABLE = "the picture cannot be used"
MOVING = "the picture moves, and its first frame is learned from"
#: As ``storage.moderation_images`` names a picture.
PREFIX = "moderation/images/"
_COPIED = ("user_id", "at", "decision_id", "content_id", "content_kind", "model_version", "verified_by")


class Collected(Iterator[pa.RecordBatch]):
    """The day's examples, the latest review first. ``dropped`` counts what is left out, while it is read."""

    def __init__(self, reviewed: pa.Table, photos: Photos, options: ImageryOptions) -> None:
        self.dropped: Counter[str] = Counter()
        self._options = options
        self._rows = self._labelled(reviewed)
        self._batches = self._make(photos)

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)

    def _labelled(self, reviewed: pa.Table) -> dict[str, dict[str, Any]]:
        """The latest row of each picture's key, with ``label`` and ``flag``, the latest first."""
        order = [("verified_at", "descending"), ("decision_id", "ascending"), ("image", "ascending")]
        found: dict[str, dict[str, Any]] = {}
        for row in reviewed.sort_by(order).to_pylist():
            if row["image"] in found:
                self.dropped[AGAIN] += 1
                continue
            label, why = label_of(row)
            if label is None:
                self.dropped[str(why)] += 1
                continue
            found[row["image"]] = {**row, "label": label, "flag": why}
        return found

    def _make(self, photos: Photos) -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        size = 0
        for key, noticed in looked_at(photos, list(self._rows), self._options):
            if noticed.problem is not None or noticed.data is None:
                self.dropped[f"{UNUSABLE}: {noticed.problem}"] += 1
                continue
            if noticed.facts["sha256"] in seen:
                self.dropped[AGAIN] += 1
                continue
            seen.add(noticed.facts["sha256"])
            rows.append(_example(self._rows[key], noticed))
            size += len(noticed.data)
            if len(rows) >= BATCH_PHOTOS or size >= BATCH_BYTES:
                yield _batch(rows)
                rows, size = [], 0
        if rows:
            yield _batch(rows)


def _example(row: Mapping[str, Any], noticed: Noticed) -> dict[str, Any]:
    answer = answer_of(row)
    moving = MOVING if noticed.facts["frames"] > 1 else None
    return {
        **noticed.facts,
        **{name: row[name] for name in _COPIED},
        **vars(answer),
        "photo": f"{PREFIX}{noticed.facts['sha256']}",
        "source": row["image"],
        "label": row["label"],
        "flag": row["flag"] or doubt_of(row, row["label"], answer) or moving,
        "verified_at": row["verified_at"],
        "image": noticed.data,
    }


def _batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    split = assign_split(pa.array([row["user_id"] for row in rows], pa.string()), SPLIT_SALT)
    columns = [
        split if column.name == "split" else pa.array([row.get(column.name) for row in rows], column.type)
        for column in EXAMPLE_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EXAMPLE_SCHEMA)
