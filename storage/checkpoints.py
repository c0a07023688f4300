"""Where a long training keeps its progress: ``models/checkpoints/<family>/<training key>/``.

A step's files are written first, each named by its SHA-256, and a listing last: a reader that sees the listing
can read all of it, and a writer killed at any moment leaves no half step. The last two steps are kept, and none
once the training's model is registered. What nobody comes back for, the family's next training removes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from config.errors import InputError, ObjectNotFound
from storage.objects import ObjectStore

ROOT = "models/checkpoints"
KEEP = 2
#: A training that was not taken up again for so long will not be.
ABANDONED = timedelta(days=7)
_LISTING = re.compile(r"step-(\d{4,})\.json")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class StoredCheckpoints:
    """Checkpoints of one training (same rows, parameters and seed).

    Args:
        store: the bucket of artifacts.
        family: whose training it is.
        key: names the training: whatever changes its result changes the key.
    """

    def __init__(self, store: ObjectStore, family: str, key: str) -> None:
        if not _NAME.fullmatch(family) or not _NAME.fullmatch(key):
            raise InputError(f"'{family}/{key}' cannot name checkpoints.")
        self._store, self._folder = store, f"{ROOT}/{family}/{key}/"

    def save(self, step: int, files: Mapping[str, bytes]) -> None:
        """Keep ``files`` as step ``step``, and of the older ones the last."""
        listing = {}
        for name, data in sorted(files.items()):
            if not _NAME.fullmatch(name):
                raise InputError(f"'{name}' cannot name a checkpoint's file.")
            sha256 = hashlib.sha256(data).hexdigest()
            _, _, suffix = name.rpartition(".")
            place = f"step-{step:04d}-{sha256[:16]}.{suffix}"
            self._store.put(self._folder + place, data)
            listing[name] = {"object": place, "sha256": sha256}
        self._store.put(f"{self._folder}step-{step:04d}.json", json.dumps(listing, sort_keys=True).encode())
        self._drop_all_but(sorted(self._steps())[-KEEP:])

    def latest(self) -> tuple[int, dict[str, bytes]] | None:
        """The highest step of which every file is there and undamaged."""
        for step in sorted(self._steps(), reverse=True):
            files = self._read(step)
            if files is not None:
                return step, files
        return None

    def clear(self) -> None:
        """Remove all steps."""
        self._drop_all_but([])

    def _steps(self) -> list[int]:
        names = (info.key.removeprefix(self._folder) for info in self._store.list(self._folder))
        return [int(found[1]) for name in names if (found := _LISTING.fullmatch(name))]

    def _read(self, step: int) -> dict[str, bytes] | None:
        try:
            listing = json.loads(self._store.get(f"{self._folder}step-{step:04d}.json"))
            files = {name: self._store.get(self._folder + entry["object"]) for name, entry in listing.items()}
            whole = all(
                hashlib.sha256(files[name]).hexdigest() == entry["sha256"] for name, entry in listing.items()
            )
        except (ObjectNotFound, ValueError, KeyError, TypeError, AttributeError):
            return None
        return files if whole else None

    def _drop_all_but(self, steps: list[int]) -> None:
        """Listings go first, so that no step is seen whose files are going."""
        kept = tuple(f"{self._folder}step-{step:04d}{sign}" for step in steps for sign in "-.")
        doomed = [info.key for info in self._store.list(self._folder) if not info.key.startswith(kept)]
        for key in sorted(doomed, key=lambda key: not _LISTING.fullmatch(key.removeprefix(self._folder))):
            self._store.delete(key)


def drop_abandoned(store: ObjectStore, family: str, as_of: datetime) -> int:
    """Remove the checkpoints of the family's trainings of which none was written in the last days.

    Returns:
        How many trainings they were of.
    """
    folders: dict[str, list[tuple[str, datetime]]] = {}
    for info in store.list(f"{ROOT}/{family}/"):
        folders.setdefault(info.key.rpartition("/")[0], []).append((info.key, info.modified))
    old = [objects for objects in folders.values() if max(at for _, at in objects) < as_of - ABANDONED]
    for objects in old:
        for key, _ in objects:
            store.delete(key)
    return len(old)
