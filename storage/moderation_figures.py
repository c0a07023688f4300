"""How moderation does: what it decided, what people made of that, and how often they agree with the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from storage.database import transaction

_DAYS = text(
    """
    select (at at time zone 'utc')::date as day, decision, count(*) as n
    from moderation_decisions where at >= :since and at < :until group by 1, 2 order by 1, 2
    """
)
_APPEALS = text(
    """
    select count(*) filter (where resolved_at is null) as open,
           count(*) filter (where resolved_at >= :since and resolved_at < :until) as resolved,
           count(*) filter (where outcome = 'overturned' and resolved_at >= :since and resolved_at < :until)
               as overturned
    from moderation_appeals
    """
)
_WAITING = text(
    """
    select count(*) as count, count(*) filter (where appealed) as appealed, min(received_at) as oldest
    from moderation_decisions where open
    """
)
#: The latest review of each decision beside what the models said; a label that nothing scored is left out.
_AGREEMENT = text(
    """
    select asked.label,
           count(*) filter (where by_model and by_person) as both,
           count(*) filter (where by_model and not by_person) as model_only,
           count(*) filter (where not by_model and by_person) as person_only,
           count(*) filter (where not by_model and not by_person) as neither
    from moderation_decisions d
    cross join lateral (
        select labels from moderation_reviews r where r.decision_id = d.id order by r.at desc, r.id desc limit 1
    ) latest
    cross join jsonb_each_text(:thresholds) as asked (label, threshold)
    cross join lateral (
        select (d.scores ->> asked.label)::float >= asked.threshold::float as by_model,
               asked.label = any (latest.labels) as by_person
    ) said
    where d.reviewed_at >= :since and d.reviewed_at < :until and d.scores ? asked.label
    group by asked.label
    """
).bindparams(bindparam("thresholds", type_=JSONB))


@dataclass(frozen=True)
class Agreement:
    """How reviewers and the models agree on a label, in numbers of reviewed decisions.

    ``both`` and ``neither`` say the same; ``model_only`` is a false alarm, ``person_only`` one that was missed.
    """

    label: str
    both: int = 0
    model_only: int = 0
    person_only: int = 0
    neither: int = 0

    @property
    def reviewed(self) -> int:
        """Decisions that both sides spoke of."""
        return self.both + self.model_only + self.person_only + self.neither

    @property
    def share(self) -> float | None:
        """Share in [0, 1] on which they agree; None where nothing was reviewed."""
        return (self.both + self.neither) / self.reviewed if self.reviewed else None


@dataclass(frozen=True)
class Waiting:
    """How many decisions wait for a person, how many of those somebody appealed, and since when."""

    count: int
    appealed: int
    oldest: datetime | None


@dataclass(frozen=True)
class ModerationFigures:
    """Figures of a span of time; ``waiting`` and ``appeals`` are those of this moment.

    ``days`` has decision -> number for each day on which something was decided, the oldest first.
    """

    days: Mapping[date, Mapping[str, int]]
    waiting: Waiting
    appeals: int
    resolved: int
    overturned: int
    agreement: tuple[Agreement, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Decision -> number, of all days."""
        found: dict[str, int] = {}
        for counts in self.days.values():
            for name, count in counts.items():
                found[name] = found.get(name, 0) + count
        return found

    @property
    def overturn_rate(self) -> float | None:
        """Share in [0, 1] of the resolved appeals that changed the decision; None where none was resolved."""
        return self.overturned / self.resolved if self.resolved else None


def moderation_figures(
    engine: Engine, thresholds: Mapping[str, float], *, since: datetime, until: datetime
) -> ModerationFigures:
    """The figures of ``since <= t < until``.

    Args:
        engine: the platform's database.
        thresholds: label -> score from which on a model says that it holds; these labels are compared.
        since: when the span begins, UTC.
        until: when it is over, UTC.
    """
    span = {"since": since, "until": until}
    with transaction(engine) as connection:
        days: dict[date, dict[str, int]] = {}
        for row in connection.execute(_DAYS, span):
            days.setdefault(row.day, {})[row.decision] = row.n
        appeals = connection.execute(_APPEALS, span).one()
        waiting = Waiting(*connection.execute(_WAITING).one())
        agreement = _agreement(connection, thresholds, span)
    return ModerationFigures(days, waiting, appeals.open, appeals.resolved, appeals.overturned, agreement)


def waiting_decisions(engine: Engine) -> Waiting:
    """What waits for a person at this moment."""
    with transaction(engine) as connection:
        return Waiting(*connection.execute(_WAITING).one())


def _agreement(
    connection: Connection, thresholds: Mapping[str, float], span: Mapping[str, Any]
) -> tuple[Agreement, ...]:
    rows = connection.execute(_AGREEMENT, {**span, "thresholds": dict(thresholds)})
    found = {row.label: Agreement(**row._mapping) for row in rows}
    return tuple(found.get(label, Agreement(label)) for label in thresholds)
