"""Who may use the admin pages: names, roles, and passwords kept as argon2id (RFC 9106)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from config.errors import InputError
from storage import tables
from storage.database import lock_key, transaction

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: What each role may: viewer reads, verifier decides about candidates, admin does the rest. In rising order.
ROLES = ("viewer", "verifier", "admin")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
#: Each verification takes 64 MB: a crowd of logins waits instead of taking gigabytes.
_verifying = BoundedSemaphore(2)


@dataclass(frozen=True)
class Account:
    """One account, without its password."""

    id: int
    name: str
    role: str
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None

    def may(self, role: str) -> bool:
        """Whether this account may do what ``role`` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def clean_name(name: str) -> str:
    """``name`` as it is kept: trimmed, in lower case."""
    return name.strip().lower()


def create_account(engine: Engine, *, name: str, role: str, password: str, at: datetime) -> Account:
    """Make an account.

    Raises:
        InputError: the name or the password is not usable, or the name is taken.
    """
    with transaction(engine) as connection:
        _lock(connection)
        return _insert(connection, name=name, role=role, password=password, at=at)


def create_first_admin(engine: Engine, *, name: str, password: str, at: datetime) -> Account | None:
    """Make the first admin; None where there is any account already. Of several processes one makes it."""
    with transaction(engine) as connection:
        _lock(connection)
        if connection.execute(select(func.count()).select_from(tables.AdminUser)).scalar_one():
            return None
        return _insert(connection, name=name, role="admin", password=password, at=at)


def list_accounts(engine: Engine) -> list[Account]:
    """All accounts by name."""
    row = tables.AdminUser.__table__
    with transaction(engine) as connection:
        query = select(*account_columns()).order_by(row.c.name)
        return [Account(**each) for each in connection.execute(query).mappings()]


def get_account(engine: Engine, name: str) -> Account:
    """The account called ``name``. Raises InputError where there is none."""
    with transaction(engine) as connection:
        return _find(connection, name)


def verify_password(engine: Engine, name: str, password: str) -> Account | None:
    """The account, where name and password are right and it is not disabled; else None.

    An unknown name takes as long as a wrong password, so that answers tell nothing about names. A hash that was
    made with older parameters is replaced.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    row = tables.AdminUser.__table__
    with transaction(engine) as connection:
        query = select(*account_columns(), row.c.password_hash).where(row.c.name == clean_name(name))
        found = connection.execute(query).mappings().one_or_none()
    stored = found["password_hash"] if found else _dummy_hash()
    hasher = _hasher()
    try:
        with _verifying:
            hasher.verify(stored, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return None
    if found is None or found["disabled"]:
        return None
    if hasher.check_needs_rehash(stored):
        with transaction(engine) as connection:
            connection.execute(
                update(tables.AdminUser)
                .where(row.c.id == found["id"], row.c.password_hash == stored)
                .values(password_hash=hasher.hash(password))
            )
    return Account(**{name: value for name, value in found.items() if name != "password_hash"})


def set_password(engine: Engine, name: str, password: str, *, keep_session: str | None = None) -> None:
    """Change the password and end the account's sessions, but for the one whose token hash is given.

    Raises:
        InputError: there is no such account, or the password is not usable.
    """
    hashed = _hash(name, password)
    with transaction(engine) as connection:
        account = _find(connection, name)
        connection.execute(
            update(tables.AdminUser).where(tables.AdminUser.id == account.id).values(password_hash=hashed)
        )
        _end_sessions(connection, account.id, keep_session)


def set_role(engine: Engine, name: str, role: str) -> Account:
    """Give the account another role. Raises InputError: no such account or role, or it is the last admin."""
    check_role(role)
    return _change(engine, name, role=role)


def set_disabled(engine: Engine, name: str, disabled: bool) -> Account:
    """Disable (its sessions end) or enable. Raises InputError: no such account, or it is the last admin."""
    return _change(engine, name, disabled=disabled)


def account_columns() -> Sequence[Any]:
    """The columns of :class:`Account`."""
    row = tables.AdminUser.__table__
    return [row.c[name] for name in Account.__dataclass_fields__]


def _change(engine: Engine, name: str, **values: Any) -> Account:
    with transaction(engine) as connection:
        _lock(connection)
        account = _find(connection, name)
        keeps_power = values.get("role", account.role) == "admin" and not values.get(
            "disabled", account.disabled
        )
        if account.role == "admin" and not account.disabled and not keeps_power:
            _require_another_admin(connection, account)
        connection.execute(update(tables.AdminUser).where(tables.AdminUser.id == account.id).values(**values))
        if values.get("disabled"):
            _end_sessions(connection, account.id, None)
        return _find(connection, name)


def _require_another_admin(connection: Connection, account: Account) -> None:
    row = tables.AdminUser.__table__
    others = select(func.count()).where(
        row.c.role == "admin", row.c.disabled.is_(False), row.c.id != account.id
    )
    if not connection.execute(others).scalar_one():
        raise InputError(
            f"'{account.name}' is the last admin, and somebody must be.", hint="Make another admin first."
        )


def _insert(connection: Connection, *, name: str, role: str, password: str, at: datetime) -> Account:
    name = clean_name(name)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' cannot be the name of an account.",
            hint="Use 1 to 64 letters, digits and any of . _ @ - beginning with a letter or digit.",
        )
    check_role(role)
    taken = select(tables.AdminUser.id).where(tables.AdminUser.name == name)
    if connection.execute(taken).first():
        raise InputError(f"There is an account '{name}' already.")
    values = {
        "name": name, "role": role, "password_hash": _hash(name, password), "disabled": False, "created_at": at,
    }  # fmt: skip
    connection.execute(insert(tables.AdminUser).values(values))
    return _find(connection, name)


def _find(connection: Connection, name: str) -> Account:
    row = tables.AdminUser.__table__
    query = select(*account_columns()).where(row.c.name == clean_name(name))
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        raise InputError(f"There is no account '{clean_name(name)}'.", hint="See `assay admin list`.")
    return Account(**found)


def _end_sessions(connection: Connection, account: int, keep: str | None) -> None:
    row = tables.AdminSession
    statement = delete(row).where(row.user_id == account)
    connection.execute(statement if keep is None else statement.where(row.token_hash != keep))


def _lock(connection: Connection) -> None:
    """Changes of accounts take turns: of two admins who leave at once, one is the last."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": lock_key("admin accounts")})


def check_role(role: str) -> None:
    """Raise InputError unless there is such a role."""
    if role not in ROLES:
        raise InputError(f"There is no role '{role}'.", hint=f"Roles: {', '.join(ROLES)}.")


def check_password(name: str, password: str) -> None:
    """Raise InputError unless ``password`` may be the one of ``name``."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    if password.casefold() == clean_name(name) or len(set(password)) < 4:
        raise InputError(
            "This password is too easy to guess.", hint="Take some words that belong together to you."
        )


def _hash(name: str, password: str) -> str:
    check_password(name, password)
    with _verifying:
        return _hasher().hash(password)


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return _hasher().hash("nobody's password")
