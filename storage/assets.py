"""Files that a family's options need, such as weights: from a path, or from the bucket of artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from config.errors import InputError, ObjectNotFound
from config.settings import Settings
from storage.objects import open_store


def load_assets(settings: Settings, wanted: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of each of ``wanted`` (name -> path or object key), by name.

    A path goes before an object of the same name.

    Raises:
        InputError: one is neither a file nor an object; the message names both places.
        StoreError: the object store failed.
    """
    return {name: _load(settings, name, place) for name, place in wanted.items()}


def _load(settings: Settings, name: str, place: str) -> bytes:
    path = Path(place).expanduser()
    try:
        if path.is_file():
            return path.read_bytes()
    except OSError as error:
        raise InputError(f"The {name} at '{path}' cannot be read: {error.strerror}.") from None
    try:
        return open_store(settings).get(place)
    except (ObjectNotFound, InputError):
        raise InputError(
            f"There is no {name}: neither a file '{path.absolute()}' nor an object '{place}' in the bucket"
            f" '{settings.ml_artifacts_bucket}'.",
            hint="The setting takes a path or an object's key.",
        ) from None
