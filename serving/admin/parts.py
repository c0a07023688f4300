"""The platform's parts, one of each for the process, with time-outs that a waiting person accepts."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Engine
from starlette.requests import Request

from config.settings import Settings
from storage.database import make_engine
from tasks.platform import Platform

POOL_SIZE = 4
#: No page waits longer than this for a part that is away.
PATIENCE_SECONDS = 3


class AdminParts(Platform):
    """As tasks have them, but impatient."""

    @cached_property
    def engine(self) -> Engine:
        """The platform's database."""
        return make_engine(self.settings, pool_size=POOL_SIZE, connect_seconds=PATIENCE_SECONDS)


def parts(request: Request) -> Platform:
    """Database, object store, datasets and registry. Use it in a thread: each of them blocks."""
    found: Platform = request.app.state.parts
    return found


def settings(request: Request) -> Settings:
    """The settings of this process."""
    return parts(request).settings
