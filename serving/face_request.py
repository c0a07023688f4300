"""What the types of a face request cannot say: whose photos, and which key goes with which image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import InputError
from serving.problems import FieldError
from storage.objects import check_key


def faults(inputs: Mapping[str, Any]) -> Iterator[FieldError]:
    """What is wrong with ``user_id`` and ``photos``. No sentence quotes a value."""
    keys = inputs.get("photos")
    if keys is None:
        return
    if inputs.get("user_id") is None:
        yield FieldError("user_id", "user_id is required where photos are given: it says whose they are.")
    images = len(inputs["images"])
    if len(keys) != images:
        yield FieldError(
            "photos", f"photos must have one key for each image: there are {len(keys)} for {images}."
        )
    if len(set(keys)) < len(keys):
        yield FieldError("photos", "photos must name each photo once.")
    for index, key in enumerate(keys):
        try:
            check_key(key)
        except InputError as error:
            place = f"photos[{index}]"
            yield FieldError(place, f"{place} cannot be a key of the photo bucket: {_why(error, key)}")


def _why(error: InputError, key: str) -> str:
    return error.message.removeprefix(f"'{key}' cannot be the key of an object: ")
