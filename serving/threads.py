"""Work in a pool's threads that knows which request it is for: its lines in the log have the request's id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, TypeVar

R = TypeVar("R")


async def in_pool(pool: Executor | None, work: Callable[..., R], *arguments: Any) -> R:
    """What ``work`` gives, done in a thread of ``pool`` (None: the loop's own)."""
    return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, work, *arguments)
