"""What keys in a shared Redis begin with."""

from __future__ import annotations

import hashlib

from config.settings import Settings


def key_prefix(settings: Settings, part: str) -> str:
    """Of one part of an installation: its workers and replicas, which have one database, share what they keep,
    and no other installation that uses the same Redis does.
    """
    address = f"{settings.db_host or settings.home}|{settings.database_port}"
    digest = hashlib.blake2b(address.encode(), digest_size=6).hexdigest()
    return f"assay:{settings.db_name}:{digest}:{part}:"
