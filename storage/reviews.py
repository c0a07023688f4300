"""What admins decided about candidates. Every decision is kept; the latest one counts.

``withdraw`` takes a decision back and ``skip`` leaves it open: after either there is none that counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ARRAY, ColumnElement, Engine, Select, Text, and_, any_, insert, literal, select

from storage import tables
from storage.candidate_decisions import check_decision, follow
from storage.copying import cursor
from storage.database import transaction

Decision = Literal["accept", "reject", "correct"]
#: Decisions that say something about a row; after the others nobody has.
COUNTED = ("accept", "reject", "correct")


@dataclass(frozen=True)
class Review:
    """One decision; ``corrected_label`` is set where it is ``correct``."""

    family: str
    candidate: str
    decision: str
    corrected_label: str | None
    reason: str | None
    decided_by: str
    decided_at: datetime


def candidate_key(parts: Iterable[Any]) -> str:
    """The text that names a candidate by the values of its family's key columns: a JSON list, times in UTC."""
    return json.dumps([_part(part) for part in parts], ensure_ascii=False, separators=(",", ":"))


def _part(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def decide(
    engine: Engine,
    *,
    family: str,
    candidates: Sequence[str],
    decision: Decision,
    decided_by: str,
    decided_at: datetime,
    corrected_label: str | None = None,
    reason: str | None = None,
) -> int:
    """Decide the same about ``candidates`` (see :func:`candidate_key`), all of them or none; returns how many.

    Whoever decides here has the last word, and the index of candidates follows: storage/candidates.py has the
    way in which two admins notice each other.

    Raises:
        InputError: ``correct`` without a label, or a label without ``correct``; nobody decides.
        DatabaseUnavailable: the server cannot be reached.
    """
    check_decision(decision, corrected_label, decided_by)
    names = list(dict.fromkeys(candidates))
    rows = [
        Review(family, candidate, decision, corrected_label, reason, decided_by, decided_at).__dict__
        for candidate in names
    ]
    if rows:
        with transaction(engine) as connection, cursor(connection) as cur:
            follow(cur, family, names, decision, corrected_label, decided_by, decided_at)
            connection.execute(insert(tables.Review), rows)
    return len(rows)


def latest_decisions(engine: Engine, family: str, candidates: Sequence[str] | None = None) -> dict[str, Review]:
    """The decision that counts for each decided candidate of ``family``, or of those ``candidates``."""
    query = _latest(_REVIEW.c.family == family)
    if candidates is not None:
        query = query.where(_REVIEW.c.candidate == any_(literal(list(candidates), ARRAY(Text))))
    return _read(engine, query)


def decisions_between(engine: Engine, family: str, start: datetime, end: datetime) -> dict[str, Review]:
    """What counted at ``end`` of candidates about which something was decided in ``start <= t < end``.

    A decision of before that was taken back in that time is none; so is one that was made at ``end`` or later.
    """
    in_time = and_(_REVIEW.c.family == family, _REVIEW.c.decided_at >= start, _REVIEW.c.decided_at < end)
    return _read(engine, _latest(in_time))


_REVIEW = tables.Review.__table__


def _latest(condition: ColumnElement[bool]) -> Select[Any]:
    """Of each candidate the latest row for which ``condition`` holds."""
    columns = [column for column in _REVIEW.c if column.name != "id"]
    return (
        select(*columns)
        .where(condition)
        .distinct(_REVIEW.c.candidate)
        .order_by(_REVIEW.c.candidate, _REVIEW.c.decided_at.desc(), _REVIEW.c.id.desc())
    )


def _read(engine: Engine, query: Select[Any]) -> dict[str, Review]:
    with transaction(engine) as connection:
        found = [Review(**each) for each in connection.execute(query).mappings()]
    return {review.candidate: review for review in found if review.decision in COUNTED}
