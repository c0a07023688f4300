"""Who was forgotten: kept as a keyed hash, so that the id itself is gone too.

The key is ``JWT_SECRET``, or where there is none a file in ASSAY_HOME that is made once. Without the key nobody
can tell from the table whether some id is in it; with another key nobody is in it.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import secrets
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Cursor
from sqlalchemy import ARRAY, Connection, Engine, Text, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from config.errors import SettingsError
from config.settings import Settings
from storage import tables
from storage.database import advisory_guard, lock_key, transaction

KEY_FILE = "erasure.key"
_DOMAIN = b"assay-erasure-1:"
#: The lock of those who add rows as the services ship them (shared), and of an erasure that begins.
_ADDING = "adding predictions"
_FILE_MODE = 0o600


def subject_hash(settings: Settings, person: str) -> str:
    """HMAC-SHA256 (RFC 2104) of an id under the platform's key, in hex. Raises SettingsError."""
    return _hashed(_key(settings), person)


def is_erased(engine: Engine, settings: Settings, ids: Sequence[str]) -> set[str]:
    """Those of ``ids`` that were forgotten: their rows are not to be taken in again.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
        SettingsError: the key's file cannot be read or made.
    """
    if not ids:
        return set()
    with transaction(engine) as connection:
        return _erased(connection, settings, ids)


def count_erased(engine: Engine) -> int:
    """How many people were forgotten; it only grows. Raises DatabaseUnavailable: the server is away."""
    with transaction(engine) as connection:
        return connection.scalar(select(func.count()).select_from(tables.Erasure)) or 0


def erased_while_adding(connection: Connection, settings: Settings, ids: Sequence[str]) -> set[str]:
    """Those of ``ids`` that were forgotten, as :func:`is_erased`, for rows that this transaction is to add.

    Until it ends nobody else is written down as forgotten: an erasure then finds all that was added before it,
    and whoever adds later learns of it.
    """
    if not ids:
        return set()
    connection.execute(select(func.pg_advisory_xact_lock_shared(lock_key(_ADDING))))
    return _erased(connection, settings, ids)


def _erased(connection: Connection, settings: Settings, ids: Sequence[str]) -> set[str]:
    table = tables.Erasure.__table__
    if connection.execute(select(table.c.subject_hash).limit(1)).first() is None:
        return set()
    key = _key(settings)
    by_hash = {_hashed(key, person): person for person in set(ids)}
    wanted = any_(literal(list(by_hash), ARRAY(Text)))
    found = connection.scalars(select(table.c.subject_hash).where(table.c.subject_hash == wanted))
    return {by_hash[each] for each in found}


class ForgottenPeople:
    """Who was forgotten, for those who ask many times a second: while nobody was, the table is looked at once
    in ``LOOK_SECONDS``. Not for several threads at once.
    """

    LOOK_SECONDS = 1.0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._nobody_at = -math.inf

    def among(self, cur: Cursor[Any], ids: Collection[str]) -> set[str]:
        """Those of ``ids`` that were forgotten.

        Raises:
            SettingsError: the key's file cannot be read or made.
        """
        if not ids or time.monotonic() - self._nobody_at < self.LOOK_SECONDS:
            return set()
        if cur.execute("select 1 from erasures limit 1").fetchone() is None:
            self._nobody_at = time.monotonic()
            return set()
        key = _key(self._settings)
        by_hash = {_hashed(key, person): person for person in ids}
        query = "select subject_hash from erasures where subject_hash = any(%s::text[])"
        return {by_hash[found] for (found,) in cur.execute(query, (list(by_hash),))}


def remember(
    connection: Connection, subject: str, *, requested_by: str, reason: str | None, at: datetime
) -> None:
    """Write down that ``subject`` (a :func:`subject_hash`) is forgotten; a second time changes nothing.

    Waits for transactions that are adding rows: what they add is there when this one is over.
    """
    connection.execute(select(func.pg_advisory_xact_lock(lock_key(_ADDING))))
    row: dict[str, Any] = {
        "subject_hash": subject, "requested_by": requested_by, "reason": reason, "at": at, "report": {},
    }  # fmt: skip
    connection.execute(insert(tables.Erasure).values(row).on_conflict_do_nothing())


def keep_report(engine: Engine, subject: str, report: Mapping[str, Any]) -> None:
    """Put figures of what was removed beside the erasure; never an id."""
    changed = update(tables.Erasure).where(tables.Erasure.subject_hash == subject).values(report=dict(report))
    with transaction(engine) as connection:
        connection.execute(changed)


def rows_guard(
    engine: Engine, family: str, wait_seconds: float | None = None, *, shared: bool = False
) -> AbstractContextManager[None]:
    """Held by whoever makes rows of ``family`` (collects, builds, adds), from its first look at the sources to
    the end of its publication, and by an erasure: nobody publishes what an erasure has just removed.

    ``shared`` is for those whose rows do not depend on one another, such as of several days: an erasure, or
    whoever builds of these days, waits for all of them.
    """
    return advisory_guard(engine, wait_seconds, shared=shared)(f"rows:{family}")


def _key(settings: Settings) -> bytes:
    secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
    return secret.encode() if secret else _own_key(settings.home / KEY_FILE)


def _own_key(path: Path) -> bytes:
    """The key in ``path``, made where it is not there; of several makers one wins."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as file:
                os.fchmod(file.fileno(), _FILE_MODE)
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(file.name, path)
        key = path.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"The key of erasures, {path}, cannot be read or made: {error.strerror}.",
            hint="Set JWT_SECRET, or mend the folder.",
        ) from None
    if not key:
        raise SettingsError(f"The key of erasures, {path}, is empty.", hint="Restore it from a backup.")
    return key.encode()


def _hashed(key: bytes, person: str) -> str:
    return hmac.new(key, _DOMAIN + person.encode(), hashlib.sha256).hexdigest()
