"""Experiments as a user of FastAPI would write them: what ours is measured against.

A pydantic model a request, a variant by Thompson sampling on counts in memory or by the Vowpal Wabbit of the
replaced service (``--cb_explore_adf --epsilon 0.2``), and the decision through a SQLAlchemy session: one INSERT
and one commit a request. Its counts are its own (wrong with two processes), its propensities are not logged,
nobody is sticky, and nothing asks whether the experiment still runs. ``DATABASE_URL`` names the database.
"""

from __future__ import annotations

import os
import random
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import vowpalwabbit
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import JSON, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

VARIANTS = ("question", "number", "story")


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own way


class Decision(Base):
    __tablename__ = "plain_decisions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    experiment: Mapped[str]
    variant: Mapped[str]
    subject_id: Mapped[str | None]
    context: Mapped[dict[str, Any] | None]
    at: Mapped[datetime]


class Question(BaseModel):
    subject_id: str | None = None
    context: dict[str, str | float] | None = None


class Answer(BaseModel):
    variant: str
    decision_id: uuid.UUID


engine = create_engine(os.environ["DATABASE_URL"], pool_size=20)
Base.metadata.create_all(engine)
make_session = sessionmaker(engine, expire_on_commit=False)
wins, losses = [1] * len(VARIANTS), [1] * len(VARIANTS)
bandit = vowpalwabbit.Workspace("--cb_explore_adf --epsilon 0.2 --quiet")
bandit_lock = threading.Lock()
app = FastAPI(title="Experiments")


def session() -> Iterator[Session]:
    with make_session() as made:
        yield made


Database = Annotated[Session, Depends(session)]


def record(database: Session, experiment: str, variant: str, question: Question) -> Answer:
    decision = Decision(
        id=uuid.uuid4(), experiment=experiment, variant=variant, subject_id=question.subject_id,
        context=question.context, at=datetime.now(UTC),
    )  # fmt: skip
    database.add(decision)
    database.commit()
    return Answer(variant=variant, decision_id=decision.id)


@app.post("/experiments/thompson/select")
def thompson(question: Question, database: Database) -> Answer:
    drawn = [random.betavariate(won, lost) for won, lost in zip(wins, losses, strict=True)]
    return record(database, "thompson", VARIANTS[drawn.index(max(drawn))], question)


@app.post("/experiments/contextual/select")
def contextual(question: Question, database: Database) -> Answer:
    features = " ".join(f"{name}={value}" for name, value in (question.context or {}).items())
    lines = [f"shared |s {features}", *(f"| variant={name}" for name in VARIANTS)]
    with bandit_lock:
        chances = bandit.predict(lines)
    return record(database, "contextual", random.choices(VARIANTS, chances)[0], question)
