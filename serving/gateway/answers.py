"""How the gateway's handlers answer."""

from __future__ import annotations

from typing import Any

import orjson

from serving.http import Response

_OPTIONS = orjson.OPT_UTC_Z
HIT, MISS, STALE = ((b"x-cache", word) for word in (b"hit", b"miss", b"stale"))


def as_json(answer: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    """An answer."""
    return Response(orjson.dumps(answer, option=_OPTIONS), status, headers=headers)
