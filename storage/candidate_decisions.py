"""Deciding about candidates: each row by whoever was first, and every decision kept.

A decision names the revision of the row that its admin saw. Where somebody else has decided meanwhile, the row
is left as it is and comes back, so that the second admin sees who decided what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Cursor
from psycopg.sql import SQL
from sqlalchemy import Engine

from config.errors import InputError
from storage.candidate_queries import read
from storage.candidate_rows import CORRECT, Candidate
from storage.copying import cursor
from storage.database import transaction

CandidateDecision = Literal["accept", "correct", "reject", "skip", "withdraw"]


@dataclass(frozen=True)
class DecisionOutcome:
    """What became of one decision: ``candidate`` as it is now, whoever decided; None where it is gone."""

    id: int
    decided: bool
    candidate: Candidate | None

    @property
    def conflict(self) -> Candidate | None:
        """The row as somebody else left it, where the decision was not made."""
        return None if self.decided else self.candidate


def decide_many(
    engine: Engine,
    ids_and_revisions: Sequence[tuple[int, int]],
    decision: CandidateDecision,
    *,
    by: str,
    at: datetime,
    corrected_label: str | None = None,
    reason: str | None = None,
) -> list[DecisionOutcome]:
    """Decide the same about several candidates, in one transaction; one outcome for each, in their order.

    A row is decided where its revision is the one given. ``withdraw`` takes the decision back: the candidate
    waits again, or is set aside again.

    Raises:
        InputError: ``correct`` without a label, or a label without ``correct``; nobody decides.
        DatabaseUnavailable: the server cannot be reached.
    """
    check_decision(decision, corrected_label, by)
    asked = dict(ids_and_revisions)
    with transaction(engine) as connection, cursor(connection) as cur:
        revisions = dict(cur.execute(_LOCK, (list(asked),)).fetchall())
        won = [each for each, revision in asked.items() if revisions.get(each) == revision]
        if won:
            values = {"ids": won, "decision": decision, "label": corrected_label}
            cur.execute(_DECIDE, values | {"by": by, "at": at, "reason": reason})
        now = {one.id: one for one in read(cur, list(asked))}
    decided = set(won)
    return [DecisionOutcome(each, each in decided, now.get(each)) for each in asked]


def follow(
    cur: Cursor[Any],
    family: str,
    candidates: Sequence[str],
    decision: str,
    label: str | None,
    by: str,
    at: datetime,
) -> None:
    """Bring the index in line with decisions that were made elsewhere; a later one is left as it is."""
    cur.execute(_LOCK_NAMED, (family, list(candidates)))
    values = {"family": family, "candidates": list(candidates), "decision": decision}
    cur.execute(_FOLLOW, values | {"label": label, "by": by, "at": at})


def check_decision(decision: str, corrected_label: str | None, by: str) -> None:
    """Raise InputError unless a label goes with ``correct`` and with nothing else, and somebody decides."""
    if (decision == CORRECT) != (corrected_label is not None):
        raise InputError("A correction names the right label, and only a correction does.")
    if not by.strip():
        raise InputError("A decision names who makes it.")


#: In the order of ids, so that two who decide about the same rows never wait for each other in a circle.
_LOCK = "select id, revision from candidates where id = any(%s) order by id for update"
_LOCK_NAMED = "select id from candidates where family = %s and candidate = any(%s) order by id for update"
_CHANGE = SQL(
    """
    state = case when %(decision)s <> 'withdraw' then %(decision)s
        when c.set_aside then 'aside' else 'waiting' end,
    corrected_label = %(label)s,
    decided_by = case when %(decision)s <> 'withdraw' then %(by)s end,
    revision = c.revision + 1
    """
)
# A clock that is behind another's must not make a decision older than the one that it replaces.
_DECIDE = SQL(
    """
    with moment as (
        select c.id, greatest(%(at)s::timestamptz, max(r.decided_at)) as at
        from candidates c left join reviews r on r.family = c.family and r.candidate = c.candidate
        where c.id = any(%(ids)s) group by c.id
    ), decided as (
        update candidates c
        set {change}, decided_at = case when %(decision)s <> 'withdraw' then moment.at end
        from moment where c.id = moment.id
        returning c.id, c.family, c.candidate, moment.at
    )
    insert into reviews (family, candidate, decision, corrected_label, reason, decided_by, decided_at)
    select family, candidate, %(decision)s, %(label)s, %(reason)s, %(by)s, at from decided order by id
    """
).format(change=_CHANGE)
_FOLLOW = SQL(
    """
    update candidates c
    set {change}, decided_at = case when %(decision)s <> 'withdraw' then %(at)s::timestamptz end
    where c.family = %(family)s and c.candidate = any(%(candidates)s)
        and (c.decided_at is null or c.decided_at <= %(at)s)
    """
).format(change=_CHANGE)
