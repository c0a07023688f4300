"""What people say of decisions: reviews, which hold from then on, and appeals, which ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from storage.copying import cursor
from storage.database import transaction
from storage.moderation_rows import COLUMNS, Decision
from storage.rows import storable

LONGEST_TEXT = 10_000
#: The content follows a review where its newest decision is the one that was reviewed; a text that changed
#: since then is pending, and nobody has looked at it.
FOLLOW = """
with followed as (
    update contents c set
        moderation_status = %(decision)s, is_flagged = %(decision)s <> 'approved',
        moderation_flags = %(labels)s, flag_reason = (%(labels)s::text[])[1], moderated_at = %(at)s
    where c.moderation_id = %(id)s and c.moderation_status <> 'pending'
    returning c.id, c.kind, c.creator_id, c.revision
)
insert into webhook_deliveries (event, content_id, payload, created_at, next_at)
select 'content.reviewed', id, jsonb_build_object(
        'content_id', id, 'content_type', kind, 'creator_id', creator_id, 'revision', revision,
        'decision_id', %(id)s::uuid, 'decision', %(decision)s::text, 'flags', to_jsonb(%(labels)s::text[]),
        'appeal', %(outcome)s::text, 'at', %(at)s::timestamptz),
    %(at)s, least(%(at)s, now())
from followed
"""
RESOLVE = """
update moderation_appeals set resolved_at = %(at)s, outcome = %(outcome)s
where decision_id = %(id)s and resolved_at is null
"""


def review(
    engine: Engine,
    decision_id: UUID,
    *,
    decision: str,
    labels: Sequence[str],
    note: str | None = None,
    reviewer: str,
    at: datetime,
) -> Decision:
    """Approve or reject: it holds from now on, for the content too, and an open appeal is answered.

    The same verdict of the same reviewer again changes nothing, unless somebody else reviewed in between or the
    decision was appealed.

    Args:
        engine: the platform's database.
        decision_id: which decision.
        decision: ``approved`` or ``rejected``.
        labels: what holds for the content; none of an approved one.
        note: why, for other reviewers.
        reviewer: who says so.
        at: now, UTC.

    Raises:
        InputError: there is no such decision, or the review is none.
        DatabaseUnavailable: the server cannot be reached.
    """
    found = list(dict.fromkeys(storable(label) for label in labels))
    _check(decision, found, note, reviewer)
    with transaction(engine) as connection, cursor(connection) as cur:
        there = _locked(cur, decision_id)
        if there.appealed or not _said_already(cur, decision_id, decision, found, reviewer):
            outcome = "upheld" if decision == _as_verdict(there.standing) else "overturned"
            values = {
                "id": decision_id, "decision": decision, "labels": found, "note": storable(note),
                "reviewer": storable(reviewer), "at": at, "outcome": outcome if there.appealed else None,
            }  # fmt: skip
            cur.execute(
                "insert into moderation_reviews (decision_id, decision, labels, note, reviewer, at)"
                " values (%(id)s, %(decision)s, %(labels)s, %(note)s, %(reviewer)s, %(at)s)",
                values,
            )
            cur.execute(
                "update moderation_decisions set open = false, appealed = false, reviewed_at = %(at)s,"
                " reviewed_decision = %(decision)s where id = %(id)s",
                values,
            )
            if there.appealed:
                cur.execute(RESOLVE, values)
            cur.execute(FOLLOW, values)
        return _locked(cur, decision_id)


def _check(decision: str, labels: Sequence[str], note: str | None, reviewer: str) -> None:
    if decision not in ("approved", "rejected"):
        raise InputError(f"'{decision[:40]}' is no review.", hint="A review is approved or rejected.")
    if decision == "rejected" and not labels:
        raise InputError("A rejection says for what.", hint="Give at least one label.")
    if decision == "approved" and labels:
        raise InputError(f"What is approved is not '{labels[0]}'.", hint="Reject it, or leave the labels out.")
    if not reviewer.strip():
        raise InputError("A review says who gave it.", hint="Give the reviewer.")
    if note is not None and len(note) > LONGEST_TEXT:
        raise InputError(f"The note is longer than {LONGEST_TEXT:,} characters.")


def _as_verdict(standing: str) -> str:
    """What a decision amounts to for its creator: only what is rejected is taken away."""
    return "approved" if standing == "approved" else "rejected"


def _said_already(
    cur: Cursor[Any], decision_id: UUID, decision: str, labels: Sequence[str], reviewer: str
) -> bool:
    latest = cur.execute(
        "select decision, labels, reviewer from moderation_reviews where decision_id = %s"
        " order by at desc, id desc limit 1",
        (decision_id,),
    ).fetchone()
    return latest is not None and latest == (decision, list(labels), reviewer)


def appeal(engine: Engine, decision_id: UUID, *, appellant_id: str, text: str | None, at: datetime) -> Decision:
    """A creator objects: the decision is open again, before all that nobody appealed.

    Args:
        engine: the platform's database.
        decision_id: which decision.
        appellant_id: who objects: the creator of the content, where that is known.
        text: why.
        at: now, UTC.

    Raises:
        InputError: there is no such decision, it is approved, it is another's, or an appeal is open already.
        DatabaseUnavailable: the server cannot be reached.
    """
    if not appellant_id.strip():
        raise InputError("An appeal says whose it is.", hint="Give appellant_id.")
    if text is not None and len(text) > LONGEST_TEXT:
        raise InputError(f"The text of an appeal is longer than {LONGEST_TEXT:,} characters.")
    with transaction(engine) as connection, cursor(connection) as cur:
        there = _locked(cur, decision_id)
        if there.standing == "approved":
            raise InputError("The content is approved: there is nothing to appeal.")
        if there.creator_id is not None and there.creator_id != appellant_id:
            raise InputError("Only the creator of the content can appeal.")
        if there.appealed:
            raise InputError("An appeal is open already.", hint="A reviewer answers it.")
        cur.execute(
            "insert into moderation_appeals (decision_id, appellant_id, text, at) values (%s, %s, %s, %s)",
            (decision_id, storable(appellant_id), storable(text), at),
        )
        cur.execute(
            "update moderation_decisions set open = true, appealed = true where id = %s", (decision_id,)
        )
        return _locked(cur, decision_id)


def _locked(cur: Cursor[Any], decision_id: UUID) -> Decision:
    columns = SQL(", ").join(map(Identifier, COLUMNS))
    query = SQL("select {} from moderation_decisions where id = %s for update").format(columns)
    with cur.connection.cursor(row_factory=class_row(Decision)) as rows:
        found = rows.execute(query, (decision_id,)).fetchone()
    if found is None:
        raise InputError(f"There is no decision {decision_id}.", hint="A person may have been forgotten.")
    return found
