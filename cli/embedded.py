"""The private PostgreSQL without the rest of the platform: for a command that works while nothing else runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import Settings


@contextmanager
def database_server(settings: Settings) -> Iterator[Settings]:
    """``settings`` with a server that answers: of a private one, it runs while the block does.

    Raises:
        PlatformError: the platform runs in that home, or the server does not start.
    """
    if not settings.embedded_database:
        yield settings
        return
    from local.plan_data import cluster
    from local.secrets import ensure_secrets, with_secrets
    from tasks.backup_databases import own_databases

    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "logs").mkdir(exist_ok=True)
    ensure_secrets(settings.home)
    whole = with_secrets(settings)
    server = cluster(whole)
    server.start()
    try:
        server.ensure_databases(own_databases(whole).values())
        yield whole
    finally:
        server.stop()
