"""Browsers that somebody has logged in with: their failures are counted apart from everybody else's.

Otherwise whoever knows a name, or shares an address, could keep its owner out by failing on purpose. Such a
browser carries a random word, signed with a key that is made of the account's password hash (OWASP calls it a
device cookie): nothing of it is kept here, it lets nobody in, and another password ends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import Engine, select

from storage import tables
from storage.accounts import clean_name
from storage.database import transaction

WORD_BYTES = 16
_LONGEST = 200


def sign_browser(engine: Engine, name: str) -> str | None:
    """What the browser that ``name`` has just logged in with may keep; None where there is no such account."""
    key = _key(engine, name)
    word = secrets.token_urlsafe(WORD_BYTES)
    return f"{word}.{_signature(key, word)}" if key else None


def known_browser(engine: Engine, name: str, kept: str | None) -> str | None:
    """The word of a browser that ``name`` has logged in with; None where it is none, or was for another one."""
    word, dot, signature = (kept or "")[:_LONGEST].partition(".")
    if not dot or (key := _key(engine, name)) is None:
        return None
    return word if hmac.compare_digest(_signature(key, word).encode(), signature.encode()) else None


def _key(engine: Engine, name: str) -> bytes | None:
    row = tables.AdminUser
    with transaction(engine) as connection:
        query = select(row.password_hash).where(row.name == clean_name(name))
        stored = connection.execute(query).scalar_one_or_none()
    return stored.encode() if stored else None


def _signature(key: bytes, word: str) -> str:
    return hmac.new(key, f"assay known browser {word}".encode(), hashlib.sha256).hexdigest()
