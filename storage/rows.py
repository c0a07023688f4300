"""Values on their way into a JSON column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def plain_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as plain JSON: NumPy numbers and times as JSON has them, NaN and infinities as null."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    plain: dict[str, Any] = orjson.loads(text)
    return plain


def storable(value: Any) -> Any:
    """``value`` without what jsonb and text cannot hold: the character NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
