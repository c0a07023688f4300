"""Logged-in browsers: a random token in the browser's cookie, and only its SHA-256 here."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func, insert, select, update

from storage import tables
from storage.accounts import Account, account_columns
from storage.database import transaction

TOKEN_BYTES = 32


@dataclass(frozen=True)
class Session:
    """A session: whose it is, and the token that its forms carry against request forgery."""

    token_hash: str
    csrf: str
    account: Account
    expires_at: datetime


def token_hash(token: str) -> str:
    """SHA-256 of a cookie's token, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(engine: Engine, account: Account, *, at: datetime, hours: float) -> str:
    """Begin a session and note the login; gives the token for the cookie. Ended sessions are removed."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    values = {
        "token_hash": token_hash(token), "user_id": account.id, "csrf": secrets.token_urlsafe(TOKEN_BYTES),
        "created_at": at, "expires_at": at + timedelta(hours=hours),
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(delete(tables.AdminSession).where(tables.AdminSession.expires_at <= at))
        connection.execute(insert(tables.AdminSession).values(values))
        connection.execute(
            update(tables.AdminUser).where(tables.AdminUser.id == account.id).values(last_login_at=at)
        )
    return token


def find_session(engine: Engine, token: str, *, at: datetime) -> Session | None:
    """The session of ``token``: None where there is none, it has expired, or its account is disabled."""
    session, user = tables.AdminSession.__table__, tables.AdminUser.__table__
    query = (
        select(session.c.token_hash, session.c.csrf, session.c.expires_at, *account_columns())
        .join(user, user.c.id == session.c.user_id)
        .where(session.c.token_hash == token_hash(token), session.c.expires_at > at, user.c.disabled.is_(False))
    )
    with transaction(engine) as connection:
        found = connection.execute(query).mappings().one_or_none()
    if found is None:
        return None
    own = {name: found[name] for name in ("token_hash", "csrf", "expires_at")}
    return Session(account=Account(**{name: value for name, value in found.items() if name not in own}), **own)


def close_session(engine: Engine, token: str) -> None:
    """End the session of ``token``; where there is none, nothing happens."""
    row = tables.AdminSession
    with transaction(engine) as connection:
        connection.execute(delete(row).where(row.token_hash == token_hash(token)))


def close_other_sessions(engine: Engine, session: Session) -> None:
    """End all sessions of the account but ``session``."""
    row = tables.AdminSession
    with transaction(engine) as connection:
        connection.execute(
            delete(row).where(row.user_id == session.account.id, row.token_hash != session.token_hash)
        )


def count_sessions(engine: Engine, account: Account, *, at: datetime) -> int:
    """How many browsers ``account`` is logged in with."""
    row = tables.AdminSession.__table__
    query = select(func.count()).where(row.c.user_id == account.id, row.c.expires_at > at)
    with transaction(engine) as connection:
        return int(connection.execute(query).scalar_one())
