"""Which photos are the same as one that came before, byte for byte or to the eye."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.images.hashing import nearest


class Earlier:
    """The photos that came before: of earlier days and gold, and of this day so far.

    Args:
        seen: ``image``, ``sha256`` and ``phash`` of earlier ones, the oldest first; a null ``phash`` is not
            compared with.
        near_bits: bits of 64 in which near duplicates may differ.
    """

    def __init__(self, seen: pa.Table, near_bits: int) -> None:
        self._near = near_bits
        self._images: dict[str, set[str]] = {}
        self._first: dict[str, str] = {}
        for image, digest in zip(seen["image"].to_pylist(), seen["sha256"].to_pylist(), strict=True):
            self._images.setdefault(base_key(image), set()).add(digest)
            self._first.setdefault(digest, image)
        comparable = seen.filter(seen["phash"].is_valid())
        self._names: list[str] = comparable["image"].to_pylist()
        self._hashes = np.empty(max(1024, 2 * len(self._names)), np.int64)
        self._hashes[: len(self._names)] = comparable["phash"].to_numpy()

    def collected(self, photo: str, digest: str | None) -> bool:
        """Whether an earlier day has this photo; one without bytes counts as the one that was there."""
        digests = self._images.get(photo, set())
        return digest in digests if digest is not None else bool(digests)

    def key(self, photo: str, digest: str | None) -> str:
        """The example's key: the photo's; with its bytes' name too where an earlier day has others under it."""
        return photo if digest is None or photo not in self._images else f"{photo}#{digest[:DIGITS]}"

    def duplicate(self, digest: str, phash: int | None) -> str | None:
        """A sentence that names the earlier photo that this one repeats."""
        first = self._first.get(digest)
        if first is not None:
            return f"{EXACT}: {first}"
        if phash is None or not self._names:
            return None
        known = self._hashes[: len(self._names)]
        distances, indices = nearest(np.array([phash], np.int64), known)
        if distances[0] > self._near:
            return None
        return f"{NEAR} ({distances[0]} of 64 bits): {self._names[indices[0]]}"

    def add(self, key: str, digest: str, phash: int | None) -> None:
        """Remember a photo of this day; one without ``phash`` by its bytes alone."""
        self._first.setdefault(digest, key)
        if phash is None:
            return
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[len(self._names)] = phash
        self._names.append(key)


EXACT, NEAR = "exact duplicate of another photo", "near duplicate of another photo"
DIGITS = 12


def base_key(key: str) -> str:
    """The photo's key in the bucket, out of an example's key."""
    photo, mark, digits = key.rpartition("#")
    is_mark = mark and len(digits) == DIGITS and set(digits) <= set("0123456789abcdef")
    return photo if is_mark else key


def is_duplicate(flag: str | None) -> bool:
    """Whether a flag is one of :meth:`Earlier.duplicate`."""
    return flag is not None and flag.startswith((EXACT, NEAR))


def duplicate_of(flag: str | None) -> str | None:
    """The key of the photo that a duplicate repeats."""
    return flag.partition(": ")[2] or None if flag is not None and is_duplicate(flag) else None
