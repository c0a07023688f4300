"""Tables of people: who may use the admin pages, and who was forgotten.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, one_of


class AdminUser(Base):
    """Who may use the admin pages. ``password_hash`` is argon2id's encoded form."""

    __tablename__ = "admin_users"
    __table_args__ = (one_of("role", ("viewer", "verifier", "admin")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    disabled: Mapped[bool]
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class AdminSession(Base):
    """A logged-in browser, by the SHA-256 of its cookie's token."""

    __tablename__ = "admin_sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("admin_users.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LoginAttempt(Base):
    """A failed login, for throttling by name and by address."""

    __tablename__ = "login_attempts"
    __table_args__ = (Index(None, "name", "at"), Index(None, "address", "at"))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]


class Erasure(Base):
    """That a person was forgotten: by a keyed hash of the id, so that the id itself is gone too."""

    __tablename__ = "erasures"

    subject_hash: Mapped[str] = mapped_column(primary_key=True)
    requested_by: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[datetime]
    report: Mapped[dict[str, Any]]
