"""Tables of operating: what the monitor measured and found, what was done about it, rollouts, retention.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, one_of

#: What the monitor looks at.
CHECKS = ("health", "drift", "stats", "freshness", "accuracy")
SEVERITIES = ("info", "warning", "critical")
#: A version beside the one in production: it answers a share of the questions, or all of them unseen.
ROLLOUT_MODES = ("canary", "shadow")


class MonitorFigure(Base):
    """A figure of one day: of a family, or (family '') of the platform. Measured again, it is replaced."""

    __tablename__ = "monitor_figures"
    __table_args__ = (PrimaryKeyConstraint("family", "name", "day"), Index(None, "day"))

    family: Mapped[str]
    name: Mapped[str]
    day: Mapped[date]
    value: Mapped[float]
    low: Mapped[float | None]
    high: Mapped[float | None]
    rows: Mapped[int | None]
    version: Mapped[str | None]
    measured_at: Mapped[datetime]


class MonitorFinding(Base):
    """Something that is wrong, from the run that saw it first to the one that saw it no more.

    ``fingerprint`` says what it is about and is the same in every run; one of them is open at most. Alerts go
    out once for each row, and again when its severity rises.
    """

    __tablename__ = "monitor_findings"
    __table_args__ = (
        one_of("kind", CHECKS),
        one_of("severity", SEVERITIES),
        Index(
            "monitor_findings_open_key", "fingerprint", unique=True, postgresql_where=text("ended_at is null")
        ),
        Index(None, "family", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    fingerprint: Mapped[str]
    kind: Mapped[str]
    family: Mapped[str]
    subject: Mapped[str]
    severity: Mapped[str]
    sentence: Mapped[str]
    link: Mapped[str | None]
    figures: Mapped[dict[str, Any]]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    alerted_severity: Mapped[str | None]
    alerted_at: Mapped[datetime | None]


class MonitorReport(Base):
    """The report of a family and day in the object store; made again, it is replaced."""

    __tablename__ = "monitor_reports"
    __table_args__ = (PrimaryKeyConstraint("family", "day"),)

    family: Mapped[str]
    day: Mapped[date]
    key: Mapped[str]
    version: Mapped[str | None]
    findings: Mapped[int]
    run_id: Mapped[str | None]
    made_at: Mapped[datetime]


class MonitorAction(Base):
    """What the monitor did about a finding, or would have done: append-only."""

    __tablename__ = "monitor_actions"
    __table_args__ = (Index(None, "family", "id"), one_of("action", ("retrain", "rollback")))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    action: Mapped[str]
    version: Mapped[str | None]
    reason: Mapped[str]
    done: Mapped[bool]
    outcome: Mapped[str]
    figures: Mapped[dict[str, Any]]
    run_id: Mapped[str | None]
    at: Mapped[datetime]


class Rollout(Base):
    """A version that is tried beside the one in production; at most one of a family runs at a time.

    ``share`` is that of the questions that a canary answers, 0 < share < 1; of a shadow the share that it is
    asked too.
    """

    __tablename__ = "rollouts"
    __table_args__ = (
        one_of("mode", ROLLOUT_MODES),
        CheckConstraint("share > 0 and share <= 1", name="share"),
        CheckConstraint("(ended_at is null) = (outcome is null)", name="outcome"),
        Index("rollouts_running_key", "family", unique=True, postgresql_where=text("ended_at is null")),
        Index(None, "family", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    version: Mapped[str]
    champion: Mapped[str]
    mode: Mapped[str]
    share: Mapped[float]
    started_at: Mapped[datetime]
    started_by: Mapped[str]
    reason: Mapped[str]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    outcome: Mapped[str | None]


class ShadowAnswer(Base):
    """What a shadow said to a question that another version answered; ``id`` is that answer's.

    Of families whose answers nothing else keeps, what was given while a version is tried, too.
    """

    __tablename__ = "shadow_answers"
    __table_args__ = (PrimaryKeyConstraint("id", "model_version"), Index(None, "family", "at"))

    id: Mapped[UUID]
    model_version: Mapped[str]
    family: Mapped[str]
    entity_id: Mapped[EntityId | None]
    at: Mapped[datetime]
    answer: Mapped[dict[str, Any]]
    latency_ms: Mapped[float | None]
    received_at: Mapped[datetime]


class RetentionRun(Base):
    """What a run of retention would have deleted, and what it deleted: append-only."""

    __tablename__ = "retention_runs"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    run_id: Mapped[str | None]
    actor: Mapped[str]
    plan: Mapped[dict[str, Any]]
    deleted: Mapped[dict[str, Any]]
    dry_run: Mapped[bool]
