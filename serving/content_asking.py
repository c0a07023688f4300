"""What the endpoints over the database share: threads to wait in, the sentence while it is away, ids."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any
from uuid import UUID

import orjson

from config.errors import DatabaseUnavailable
from serving.http import Response
from serving.problems import Problem
from serving.threads import in_pool

RETRY_SECONDS = b"5"
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY


class Asking:
    """Runs what waits in threads.

    Args:
        what: cannot be answered while the database is away, for people: ``Media jobs``.
    """

    def __init__(self, pool: Executor, what: str) -> None:
        self._pool = pool
        self._what = what

    async def __call__(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What ``work`` gives. Raises Problem with 503 while the database is away."""
        try:
            return await in_pool(self._pool, work, *arguments)
        except DatabaseUnavailable:
            raise Problem(
                503,
                f"{self._what} can neither be saved nor read now: the database is away.",
                headers=((b"retry-after", RETRY_SECONDS),),
            ) from None


def uuid_of(text: str, what: str) -> UUID:
    """The UUID in a path. Raises Problem with 404: nothing else can be there."""
    try:
        return UUID(text)
    except ValueError:
        raise Problem(404, f"There is no {what} '{text[:100]}': its id is a UUID.") from None


def json_answer(answer: Any, status: int = 200) -> Response:
    """JSON with times in UTC."""
    return Response(orjson.dumps(answer, option=_OPTIONS), status)
