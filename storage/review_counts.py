"""Who verified how much: the decisions that count, by month, admin and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from storage.database import transaction

#: The latest decision of each candidate counts, in the month in which it was made; see storage/reviews.py.
_QUERY = text(
    """
    with latest as (
        select distinct on (candidate) candidate, decision, decided_by, decided_at
        from reviews where family = :family
        order by candidate, decided_at desc, id desc
    )
    select to_char(decided_at at time zone 'UTC', 'YYYY-MM') as month, decided_by,
        count(*) filter (where decision = 'accept') as accepted,
        count(*) filter (where decision = 'correct') as corrected,
        count(*) filter (where decision = 'reject') as rejected
    from latest where decision in ('accept', 'correct', 'reject')
    group by 1, 2 order by 1 desc, count(*) desc, 2
    """
)


@dataclass(frozen=True)
class AdminCounts:
    """What one admin decided in one month (YYYY-MM)."""

    month: str
    decided_by: str
    accepted: int
    corrected: int
    rejected: int

    @property
    def total(self) -> int:
        """All decisions."""
        return self.accepted + self.corrected + self.rejected


def decisions_by_admin(engine: Engine, family: str) -> Sequence[AdminCounts]:
    """Decisions by month and admin, the newest month first, and in it who decided most."""
    values: dict[str, Any] = {"family": family}
    with transaction(engine) as connection:
        return [AdminCounts(**row) for row in connection.execute(_QUERY, values).mappings()]
