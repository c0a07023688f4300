"""Which photos are the same as one that came before, byte for byte or to the eye."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.images.hashing import nearest

EXACT, NEAR = "exact duplicate of another photo", "near duplicate of another photo"
#: Of a SHA-256, in the key of an example.
DIGITS = 12


class Earlier:
    """The photos that came before: of earlier days and gold, and of this day so far.

    Args:
        seen: ``image``, ``sha256`` and ``phash`` of earlier ones, the oldest first; a null ``phash`` is not
            compared with. Millions may be: nothing is made of each but a number.
        photos: keys of this day's photos.
        near_bits: bits of 64 in which near duplicates may differ.
    """

    def __init__(self, seen: pa.Table, photos: Iterable[str], near_bits: int) -> None:
        self._near = near_bits
        self._collected = _digests_by_photo(seen, photos)
        self._seen = _Digests(seen)
        self._today: dict[str, str] = {}
        comparable = seen.filter(seen["phash"].is_valid())
        self._known, self._known_names = comparable["phash"].to_numpy(), comparable["image"]
        self._hashes, self._names = np.empty(1024, np.int64), list[str]()

    def collected(self, photo: str, digest: str | None) -> bool:
        """Whether an earlier day has this photo; one without bytes counts as the one that was there."""
        digests = self._collected.get(photo, set())
        return digest in digests if digest is not None else bool(digests)

    def key(self, photo: str, digest: str | None) -> str:
        """The example's key: the photo's; with its bytes' name too where an earlier day has others under it."""
        return photo if digest is None or photo not in self._collected else f"{photo}#{digest[:DIGITS]}"

    def duplicate(self, digest: str, phash: int | None) -> str | None:
        """A sentence that names the earlier photo that this one repeats."""
        first = self._seen.find(digest) or self._today.get(digest)
        if first is not None:
            return f"{EXACT}: {first}"
        if phash is None:
            return None
        distance, name = min(self._nearest(phash), key=lambda found: found[0])
        return f"{NEAR} ({distance} of 64 bits): {name}" if distance <= self._near else None

    def _nearest(self, phash: int) -> Iterator[tuple[int, str]]:
        """The nearest of earlier days, and the nearest of this day."""
        wanted = np.array([phash], np.int64)
        today = self._hashes[: len(self._names)]
        for known, names in ((self._known, self._known_names), (today, self._names)):
            distances, indices = nearest(wanted, known)
            yield int(distances[0]), str(names[int(indices[0])]) if len(known) else ""

    def add(self, key: str, digest: str, phash: int | None) -> None:
        """Remember a photo of this day; one without ``phash`` by its bytes alone."""
        self._today.setdefault(digest, key)
        if phash is None:
            return
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[len(self._names)] = phash
        self._names.append(key)


class _Digests:
    """Finds a picture by its SHA-256 among many: by the digests' first 64 bits in order, 16 bytes for each."""

    def __init__(self, seen: pa.Table) -> None:
        self._table = seen
        starts = np.array([_start(digest.as_py()) for digest in seen["sha256"]], np.uint64)
        self._rows = np.argsort(starts, kind="stable")
        self._starts = starts[self._rows]

    def find(self, digest: str) -> str | None:
        """The first image with that digest."""
        start = _start(digest)
        place = int(np.searchsorted(self._starts, start, side="left"))
        while place < len(self._starts) and self._starts[place] == start:
            row = int(self._rows[place])
            if self._table["sha256"][row].as_py() == digest:
                return str(self._table["image"][row])
            place += 1
        return None


def _start(digest: str) -> np.uint64:
    return np.uint64(int(digest[:16], 16))


def _digests_by_photo(seen: pa.Table, photos: Iterable[str]) -> dict[str, set[str]]:
    """The digests under which earlier days have each of ``photos``."""
    photo = pc.replace_substring_regex(seen["image"], f"#[0-9a-f]{{{DIGITS}}}$", "")
    mine = seen.append_column("photo", photo).filter(
        pc.is_in(photo, value_set=pa.array(list(photos), pa.string()))
    )
    found: dict[str, set[str]] = {}
    for row in mine.select(["photo", "sha256"]).to_pylist():
        found.setdefault(row["photo"], set()).add(row["sha256"])
    return found


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
