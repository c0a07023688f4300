"""How a service waits for the database: not for long. Whoever waits in vain is told that it is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config.errors import DatabaseError, DatabaseUnavailable

CONNECT_SECONDS = 2
#: An import, or the sweep after somebody was forgotten, holds the tables for a while: who waits longer is told
#: that the database is away, so that no thread of the service hangs on it.
LOCK_SECONDS = 2.0


@contextmanager
def not_locked() -> Iterator[None]:
    """DatabaseUnavailable in place of the error that a lock was waited for in vain."""
    try:
        yield
    except DatabaseError as error:
        if "lock timeout" not in error.message:
            raise
        raise DatabaseUnavailable("The tables are locked by an import or an erasure.") from error
