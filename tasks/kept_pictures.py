"""Pictures that a day's version has already, for when the bucket has them no longer.

A day may be collected again long after: by then users have replaced or deleted photos. What was collected stays
what it was, so that a rerun changes nothing and no admin's decision loses its picture.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from models.family import Family
from storage.datasets.manifest import Manifest
from tasks.platform import Platform

#: (keys in the bucket, largest size) -> (key, bytes or None, size or None, why there are none or None) of each.
Photos = Callable[[Sequence[str], int], Iterable[tuple[str, bytes | None, int | None, str | None]]]


class Kept(NamedTuple):
    """A picture of the version: the key of its row, and its bytes' SHA-256."""

    key: str
    sha256: str


def with_kept(parts: Platform, family: Family, day: dt.date, options: Any, photos: Photos) -> Photos:
    """``photos``, but what the version of ``day`` has is given as it was collected."""
    latest = parts.datasets.latest_of_each(family.name, "candidates", day.isoformat())
    if not latest or family.facts is None or not family.heavy:
        return photos
    light = [column.name for column in family.schema if column.name not in family.heavy]
    known = {
        one.image: Kept(str(one.key[0]), one.sha256)
        for batch in parts.datasets.skim(latest[0], light)
        for one in family.facts(batch, options)
        if one.image is not None and one.sha256 is not None
    }
    reader = _Reader(parts, latest[0], family)

    def given(
        keys: Sequence[str], max_bytes: int
    ) -> Iterator[tuple[str, bytes | None, int | None, str | None]]:
        for photo, data, size, problem in photos(keys, max_bytes):
            kept = known.get(photo)
            old = reader.read(kept.key) if kept and not _same(data, kept.sha256) else None
            yield (photo, data, size, problem) if old is None else (photo, old, len(old), None)

    return given if known else photos


def _same(data: bytes | None, sha256: str) -> bool:
    return data is not None and hashlib.sha256(data).hexdigest() == sha256


class _Reader:
    """Pictures of a version, asked for in about its order: one pass, with one batch in memory."""

    def __init__(self, parts: Platform, manifest: Manifest, family: Family) -> None:
        self._open = partial(parts.datasets.batches, manifest, [family.key[0], family.heavy[0]])
        self._batches = self._open()
        self._here: dict[str, bytes | None] = {}

    def read(self, key: str) -> bytes | None:
        """The picture of the row with that key; None where it has none."""
        for _ in range(2):  # from where the last one stood, then from the start
            while key not in self._here:
                batch = next(self._batches, None)
                if batch is None:
                    break
                self._here = dict(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            else:
                return self._here[key]
            self._batches, self._here = self._open(), {}
        return None
