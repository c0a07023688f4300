"""When something came last: what the ages of a family's data are counted from."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Engine, text

from storage.database import transaction

#: Where a family's outcomes come from, each by an index; of the others an admin's decisions are the outcomes.
_OUTCOMES = {
    "viral": "select max(taken_at) from engagement_snapshots where taken_at <= :at",
    "ctr": "select max(known_at) from clip_outcomes where known_at <= :at",
    "recommendation": "select max(received_at) from events where received_at <= :at",
}
_DECISIONS = "select max(decided_at) from reviews where family = :family and decided_at <= :at"
_PREDICTION = "select max(at) from predictions where family = :family and at <= :at"
_VERSIONS = """
    select max(period) filter (where stage = 'candidates' and rows > 0) as collected,
           max(period) filter (where stage = 'candidates') as looked_at,
           max(published_at) filter (where stage = 'full') as built_at
    from dataset_versions where family = :family and published_at <= :at
"""
_DECIDED = """
    select count(*) filter (where decision = 'accept') as accepted,
           count(*) filter (where decision = 'correct') as corrected,
           count(*) filter (where decision = 'reject') as rejected
    from reviews where family = :family and decided_at >= :start and decided_at < :end
"""
_PROMOTIONS = "select count(*) from promotions where family = :family and at >= :start and at < :end"


class Latest(NamedTuple):
    """What came last: the last prediction and outcome, the newest day with candidates, the newest that was
    collected at all, and when the newest full version was published. None: nothing did.
    """

    prediction: datetime | None
    outcome: datetime | None
    collected: date | None
    looked_at: date | None
    built_at: datetime | None


class Decided(NamedTuple):
    """Decisions of admins."""

    accepted: int
    corrected: int
    rejected: int


def latest(engine: Engine, family: str, at: datetime) -> Latest:
    """What came last of ``family`` up to ``at``. Raises DatabaseUnavailable."""
    values = {"family": family, "at": at}
    with transaction(engine) as connection:
        prediction = connection.scalar(text(_PREDICTION), values)
        outcome = connection.scalar(text(_OUTCOMES.get(family, _DECISIONS)), values)
        found = connection.execute(text(_VERSIONS), values).mappings().one()
    return Latest(prediction, outcome, _day(found["collected"]), _day(found["looked_at"]), found["built_at"])


def decided(engine: Engine, family: str, start: datetime, end: datetime) -> Decided:
    """What admins decided in ``start <= t < end``."""
    values = {"family": family, "start": start, "end": end}
    with transaction(engine) as connection:
        return Decided(*connection.execute(text(_DECIDED), values).one())


def promotions(engine: Engine, family: str, start: datetime, end: datetime) -> int:
    """How often the version in production changed in ``start <= t < end``."""
    with transaction(engine) as connection:
        values = {"family": family, "start": start, "end": end}
        return int(connection.scalar(text(_PROMOTIONS), values) or 0)


def _day(period: str | None) -> date | None:
    return None if period is None else date.fromisoformat(period)
