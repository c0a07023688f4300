"""A day's photos, one after another: looked at, compared with those before, and given as batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.face.duplicates import Earlier
from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA, SPLIT_SALT
from models.images.looking import BATCH_BYTES, BATCH_PHOTOS, Photos, looked_at
from models.images.noticing import CHANGED, Noticed
from models.splits import assign_split

SEEN_BEFORE = "collected before"
FOREIGN = "in another user's folder"
_ANSWER = ("prediction_id", "predicted_class", "confidence", "margin", "probabilities", "model_version")


class Collected(Iterator[pa.RecordBatch]):
    """The day's examples, in order of time and key. ``dropped`` counts what is left out, while it is read."""

    def __init__(self, styles: pa.Table, photos: Photos, seen: pa.Table, options: FaceOptions) -> None:
        self.dropped: Counter[str] = Counter({SEEN_BEFORE: 0})
        self._options = options
        own = _own(styles)
        if foreign := len(set(styles["photo"].to_pylist()) - set(own["photo"].to_pylist())):
            self.dropped[FOREIGN] = foreign
        self._answers = _by_photo(own)
        self._earlier = Earlier(seen, self._answers, options.near_bits)
        self._batches = self._make(photos)

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)

    def _make(self, photos: Photos) -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        size = 0
        for photo, noticed in looked_at(photos, list(self._answers), self._options):
            row = self._row(photo, noticed)
            if row is None:
                self.dropped[SEEN_BEFORE] += 1
                continue
            rows.append(row)
            size += len(noticed.data or b"")
            if len(rows) >= BATCH_PHOTOS or size >= BATCH_BYTES:
                yield _batch(rows)
                rows, size = [], 0
        if rows:
            yield _batch(rows)

    def _row(self, photo: str, noticed: Noticed) -> dict[str, Any] | None:
        digest: str | None = noticed.facts.get("sha256")
        if self._earlier.collected(photo, digest):
            return None
        key = self._earlier.key(photo, digest)
        answer, changed = _answer(self._answers[photo], digest)
        repeats = self._earlier.duplicate(digest, noticed.facts.get("phash")) if digest else None
        if digest:
            self._earlier.add(key, digest, None if repeats else noticed.facts.get("phash"))
        stranger = _stranger(answer["predicted_class"], self._options)
        flag = noticed.problem or (CHANGED if changed else None) or noticed.doubt or repeats or stranger
        return {
            "photo": key,
            "user_id": answer["user_id"],
            "at": answer["at"],
            **{name: answer[name] for name in _ANSWER},
            **noticed.facts,
            "flag": flag,
            "image": noticed.data,
        }


def _own(styles: pa.Table) -> pa.Table:
    """What was said of photos in the folder of the user of whom it was said: ``{user_id}/`` and a name.

    Another one's photo would be learned from, and one day forgotten, as this user's.
    """
    pairs = zip(styles["photo"].to_pylist(), styles["user_id"].to_pylist(), strict=True)
    return styles.filter(pa.array([photo.startswith(f"{user}/") for photo, user in pairs], pa.bool_()))


def _by_photo(styles: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """What was said of each photo, oldest first; photos in order of when they were first asked about."""
    found: dict[str, list[dict[str, Any]]] = {}
    order = [("at", "ascending"), ("photo", "ascending"), ("prediction_id", "ascending")]
    for row in styles.sort_by(order).to_pylist():
        found.setdefault(row["photo"], []).append(row)
    return found


def _answer(answers: Sequence[Mapping[str, Any]], digest: str | None) -> tuple[dict[str, Any], bool]:
    """The latest answer about these very bytes, at the time of the first; else the latest, and True."""
    fitting = [answer for answer in answers if digest is None or answer["sha256"] in (None, digest)]
    chosen = dict((fitting or answers)[-1])
    return {**chosen, "at": answers[0]["at"]}, not fitting


def _stranger(predicted: str | None, options: FaceOptions) -> str | None:
    if predicted is None or predicted in options.classes:
        return None
    return f"the class is not among those of the settings: {predicted}"


def _batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    split = assign_split(pa.array([row["user_id"] for row in rows], pa.string()), SPLIT_SALT)
    columns = [
        split if column.name == "split" else pa.array([row.get(column.name) for row in rows], column.type)
        for column in EXAMPLE_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EXAMPLE_SCHEMA)
