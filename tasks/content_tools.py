"""What all work on content in one process shares: the platform's parts, and the models in use."""

from __future__ import annotations

import threading
from datetime import datetime

from config.settings import load_settings
from storage.database import database_now
from tasks.content_models import ContentModels
from tasks.platform import Platform

#: What is done beside the work has so long to end.
JOIN_SECONDS = 5.0
_lock = threading.Lock()
_made: list[tuple[Platform, ContentModels]] = []


def tools() -> tuple[Platform, ContentModels]:
    """Made at the first call, and kept: to load a model for each batch costs more than the batch."""
    with _lock:
        if not _made:
            parts = Platform(load_settings())
            _made.append((parts, ContentModels(parts, parts.settings.home / "services" / "content-worker")))
        return _made[0]


def now() -> datetime:
    """The database's clock, by which work is claimed, given back and tried again: one that a worker's own clock
    put a day ahead would be nobody's for a day. Raises DatabaseUnavailable.
    """
    return database_now(tools()[0].engine)


def close_tools() -> None:
    """Close what :func:`tools` made."""
    with _lock:
        while _made:
            parts, models = _made.pop()
            models.later.join(JOIN_SECONDS)
            parts.close()
