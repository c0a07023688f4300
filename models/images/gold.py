"""Gold: photos whose class a person has put them under by hand, in class-named folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from models.images.hashing import nearest
from models.images.noticing import Noticed, finder_of, notice
from models.images.options import PhotoOptions
from models.splits import assign_split


@dataclass(frozen=True)
class GoldPhoto:
    """A picture, its class, whose it is (None: unknown), and when it was added."""

    data: bytes
    label: str
    person: str | None
    at: datetime


class PhotoGoldMaker:
    """Makes examples of gold photos.

    A photo whose person is unknown is a person of its own. Two that look alike are the same person's, so that
    they are on one side of the split.

    Args:
        schema: of the family's examples.
        salt: of the family's split.
        options: the family's.
        known: ``phash`` and ``user_id`` of the gold photos that are there already.
    """

    def __init__(self, schema: pa.Schema, salt: str, options: PhotoOptions, known: pa.Table) -> None:
        self._schema, self._salt = schema, salt
        self._options, self._finder = options, finder_of(options)
        seen = known.filter(known["phash"].is_valid())
        self._people: list[str] = seen["user_id"].to_pylist()
        self._hashes: list[int] = seen["phash"].to_pylist()

    def look(self, data: bytes) -> Noticed:
        """What is noticed about a picture; ``problem`` where it cannot be opened. Safe in several threads."""
        return notice(data, len(data), None, self._options, self._finder)

    def row(self, photo: GoldPhoto, noticed: Noticed) -> dict[str, Any]:
        """The example of a picture that can be opened. One without a face is kept: it is taken whole."""
        digest, phash = str(noticed.facts["sha256"]), int(noticed.facts["phash"])
        person = photo.person or self._alike(phash) or f"gold/{digest[:16]}"
        self._people.append(person)
        self._hashes.append(phash)
        return {
            "photo": key_of(digest),
            "user_id": person,
            "at": photo.at,
            **noticed.facts,
            "label": photo.label,
            "image": photo.data,
        }

    def batch(self, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """``rows`` with their split, as examples."""
        split = assign_split(pa.array([row["user_id"] for row in rows], pa.string()), self._salt)
        columns = [
            split if column.name == "split" else pa.array([row.get(column.name) for row in rows], column.type)
            for column in self._schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _alike(self, phash: int) -> str | None:
        if not self._hashes:
            return None
        distances, places = nearest(np.array([phash], np.int64), np.array(self._hashes, np.int64))
        return self._people[int(places[0])] if distances[0] <= self._options.near_bits else None


def key_of(digest: str) -> str:
    """Key of the example whose picture has that SHA-256."""
    return f"gold/{digest}"
