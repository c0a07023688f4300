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
