"""What the types of a face request cannot say: whose photos, and which key goes with which image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import InputError
from serving.problems import FieldError
from storage.objects import check_key


def faults(inputs: Mapping[str, Any], bucket: str) -> Iterator[FieldError]:
    """What is wrong with ``user_id`` and ``photos``. No sentence quotes a value.

    A key may begin with the bucket's name. What lies in another user's folder is refused: it would be learned
    from, and one day forgotten, as this user's.
    """
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
    owner = inputs.get("user_id")
    for index, key in enumerate(keys):
        place = f"photos[{index}]"
        try:
            check_key(key)
            if owner is not None and not key.removeprefix(f"{bucket}/").startswith(f"{owner}/"):
                yield FieldError(place, f"{place} must lie in the user's own folder: user_id, '/', and a name.")
        except InputError as error:
            yield FieldError(place, f"{place} cannot be a key of the photo bucket: {_why(error, key)}")


def _why(error: InputError, key: str) -> str:
    return error.message.removeprefix(f"'{key}' cannot be the key of an object: ")
