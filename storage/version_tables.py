"""Tables of versions: what was imported, published as a dataset, and put in production.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, at_least_zero, one_of


class ImportRun(Base):
    """One file that was imported, and what came of it."""

    __tablename__ = "import_runs"
    __table_args__ = (*at_least_zero("rows", "loaded", "updated", "unchanged", "repeated", "rejected"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    source: Mapped[str]
    sha256: Mapped[str]
    rows: Mapped[int]
    loaded: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    repeated: Mapped[int]
    rejected: Mapped[int]
    at: Mapped[datetime] = mapped_column(index=True)


class DatasetVersion(Base):
    """A published dataset version: that it is there, whose bytes it has, and which run made it."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        UniqueConstraint("family", "stage", "period", "revision"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("length(manifest_sha256) = 64", name="manifest_sha256"),
        *at_least_zero("rows"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    stage: Mapped[str]
    period: Mapped[str]
    revision: Mapped[int]
    manifest_sha256: Mapped[str]
    rows: Mapped[int]
    published_at: Mapped[datetime] = mapped_column(index=True)
    run_id: Mapped[str | None]
    made_by: Mapped[str]


class Promotion(Base):
    """A move of a family's production alias. Append-only: a trigger refuses every change."""

    __tablename__ = "promotions"
    __table_args__ = (
        Index(None, "family", "id"),
        one_of("action", ("promote", "rollback", "force")),
        CheckConstraint("actor <> ''", name="actor"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    from_version: Mapped[str | None]
    to_version: Mapped[str]
    action: Mapped[str]
    actor: Mapped[str]
    reason: Mapped[str]
    figures: Mapped[dict[str, Any]]
    at: Mapped[datetime]
