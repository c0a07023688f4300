"""Tables of experiments: definitions, variants and their counts, decisions, bandits.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, at_least_zero, one_of


class Experiment(Base):
    """An experiment: its definition (models/experiments/definition.py, as JSON) and its state."""

    __tablename__ = "experiments"
    __table_args__ = (
        one_of("state", ("draft", "running", "paused", "concluded")),
        CheckConstraint("winner is null or state = 'concluded'", name="winner"),
        CheckConstraint("id <> ''", name="id"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    title: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int]
    definition: Mapped[dict[str, Any]]
    winner: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    started_at: Mapped[datetime | None]
    concluded_at: Mapped[datetime | None]


class ExperimentVariant(Base):
    """A variant and its counts: what the posteriors are made of. Only ever added to, in the transaction that
    writes the decisions or rewards themselves. ``rewarded`` of the ``decisions`` have a reward; ``reward_sum``
    and ``reward_squares`` are of rewards scaled to 0..1, and exact (numeric).
    """

    __tablename__ = "experiment_variants"
    __table_args__ = (
        *at_least_zero("decisions", "rewarded"),
        CheckConstraint("rewarded <= decisions", name="rewarded_of_decisions"),
    )

    experiment_id: Mapped[EntityId] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    variant: Mapped[EntityId] = mapped_column(primary_key=True)
    position: Mapped[int]
    decisions: Mapped[int]
    rewarded: Mapped[int]
    reward_sum: Mapped[Decimal]
    reward_squares: Mapped[Decimal]


class ExperimentChange(Base):
    """A change of an experiment. Append-only: a trigger refuses every change of it."""

    __tablename__ = "experiment_changes"
    __table_args__ = (
        Index(None, "experiment_id", "id"),
        CheckConstraint("actor <> ''", name="actor"),
        one_of("action", ("create", "edit", "start", "pause", "resume", "conclude", "alarm")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    experiment_id: Mapped[EntityId]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor: Mapped[str]
    reason: Mapped[str | None]
    details: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ExperimentDecision(Base):
    """One decision, with the probability that it had, and its reward once there is one.

    ``sticky_subject`` is the subject where the experiment is sticky: one decision each. ``reward`` is as it was
    sent; one that came after the window is kept in ``late_reward`` and counts nowhere. ``metrics`` are the
    values of guard-rail metrics. ``learned``: 0 not yet, 1 by the contextual bandit.
    """

    __tablename__ = "experiment_decisions"
    __table_args__ = (
        UniqueConstraint("experiment_id", "sticky_subject"),
        Index(None, "experiment_id", "at"),
        Index(
            "experiment_decisions_unlearned_idx",
            "experiment_id",
            "rewarded_at",
            postgresql_where=text("learned = 0 and rewarded_at is not null"),
        ),
        CheckConstraint("propensity > 0 and propensity <= 1", name="propensity"),
        CheckConstraint("(reward is null) = (rewarded_at is null)", name="reward"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    experiment_id: Mapped[EntityId] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    variant: Mapped[EntityId]
    subject_id: Mapped[EntityId | None] = mapped_column(index=True)
    sticky_subject: Mapped[EntityId | None]
    at: Mapped[datetime]
    propensity: Mapped[float]
    context: Mapped[dict[str, Any] | None]
    policy_version: Mapped[int]
    reward: Mapped[float | None]
    rewarded_at: Mapped[datetime | None]
    late_reward: Mapped[float | None]
    late_at: Mapped[datetime | None]
    metrics: Mapped[dict[str, Any] | None]
    learned: Mapped[int]


class ExperimentModel(Base):
    """The newest state of a contextual bandit: Vowpal Wabbit's own bytes, and how many decisions taught it."""

    __tablename__ = "experiment_models"
    __table_args__ = (*at_least_zero("learned"),)

    experiment_id: Mapped[EntityId] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int]
    learned: Mapped[int]
    model: Mapped[bytes]
    updated_at: Mapped[datetime]
