"""The platform's database for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def database() -> Iterator[Engine]:
    """An engine by the settings as they are now; its connection is closed at the end of the block."""
    from config.settings import load_settings
    from storage.database import make_engine

    engine = make_engine(load_settings(), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()
