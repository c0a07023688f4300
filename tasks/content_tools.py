"""What all work on content in one process shares: the platform's parts, and the models in use."""

from __future__ import annotations

import threading

from config.settings import load_settings
from tasks.content_models import ContentModels
from tasks.platform import Platform

_lock = threading.Lock()
_made: list[tuple[Platform, ContentModels]] = []


def tools() -> tuple[Platform, ContentModels]:
    """Made at the first call, and kept: to load a model for each batch costs more than the batch."""
    with _lock:
        if not _made:
            parts = Platform(load_settings())
            _made.append((parts, ContentModels(parts, parts.settings.home / "services" / "content-worker")))
        return _made[0]


def close_tools() -> None:
    """Close what :func:`tools` made."""
    with _lock:
        while _made:
            _made.pop()[0].close()
