"""Decisions of moderation: stored as the services ship them, found again, and queued for people.

What people say of them is in ``moderation_reviews``; both halves are one interface, here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine

from config.settings import Settings
from storage.copying import cursor, rows_of
from storage.database import transaction
from storage.erasure import erased_while_adding
from storage.moderation_reviews import appeal, review
from storage.moderation_rows import COLUMNS, FIELDS, Decision, checked
from storage.rows import storable

__all__ = [
    "Decision", "appeal", "get_decision", "history", "insert_decisions", "queue", "review",
]  # fmt: skip

logger = logging.getLogger(__name__)

_STORED = [name for name in FIELDS if name != "revision"]
INSERT = SQL(
    """
    insert into moderation_decisions ({columns})
    select id, content_id, content_kind, creator_id, at, text, language,
        array(select jsonb_array_elements_text(images::jsonb)), decision, scores::jsonb, reasons::jsonb,
        uncertainty, version, image_version, received_at, open
    from unnest({arrays}) as row ({fields}) order by id
    on conflict (id) do nothing
    returning id
    """
).format(
    columns=SQL(", ").join(map(Identifier, _STORED)),
    fields=SQL(", ").join(map(Identifier, FIELDS)),
    arrays=SQL(", ").join(SQL("%s::{}[]").format(SQL(kind)) for kind in FIELDS.values()),
)
#: Who reviews and who stores a decision about the same content wait for one another.
LOCK = "select from contents where id = any(%s) order by id for update"
#: What a person decided about the very revision stays, and so does what an appeal asks a person to decide: a
#: model that looks again does not overrule people, nor asks them again.
HELD = SQL(
    """
    with held as (
        update contents c set
            moderated_revision = c.revision, error = null,
            attempts = case when c.analyzed_revision >= c.revision then 0 else c.attempts end
        from unnest(%s::uuid[], %s::bigint[]) as given (id, revision)
            join moderation_decisions d on d.id = given.id, moderation_decisions standing
        where c.id = d.content_id and c.revision = given.revision and c.moderated_revision < given.revision
            and c.moderation_status <> 'pending' and standing.id = c.moderation_id
            and (standing.reviewed_at is not null or standing.appealed)
        returning d.id, c.moderation_id
    )
    update moderation_decisions d set open = false
    from held where d.id = held.id and d.id <> held.moderation_id and d.open and not d.appealed
    """
)
#: The content follows the newest decision about its present revision.
FOLLOW = SQL(
    """
    with decided as (
        select distinct on (d.content_id) d.*, given.revision
        from moderation_decisions d
        join unnest(%s::uuid[], %s::bigint[]) as given (id, revision) on given.id = d.id
        where given.revision is not null and d.content_id is not null
        order by d.content_id, given.revision desc, d.at desc
    ), followed as (
        update contents c set
            moderation_status = d.decision, moderation_id = d.id, moderated_at = d.at,
            moderated_revision = d.revision, is_flagged = d.decision <> 'approved',
            moderation_flags = array(
                select distinct reason ->> 'label' from jsonb_array_elements(d.reasons) reason
                where reason ->> 'label' is not null order by 1),
            flag_reason = case when d.decision <> 'approved' then d.reasons -> 0 ->> 'label' end,
            attempts = case when c.analyzed_revision >= c.revision then 0 else c.attempts end,
            error = null
        from decided d
        where c.id = d.content_id and c.revision = d.revision and c.moderated_revision < d.revision
        returning c.id, c.kind, c.creator_id, c.revision, d.id as decision_id, d.decision, d.scores, d.reasons,
            d.version, d.image_version, d.at, d.received_at, c.moderation_flags
    )
    insert into webhook_deliveries (event, content_id, payload, created_at, next_at)
    select 'content.moderated', id, jsonb_build_object(
            'content_id', id, 'content_type', kind, 'creator_id', creator_id, 'revision', revision,
            'decision_id', decision_id, 'decision', decision, 'flags', to_jsonb(moderation_flags),
            'scores', scores, 'reasons', reasons,
            'versions', jsonb_build_object('moderation', version, 'imagery', image_version), 'at', at),
        received_at, least(received_at, now())
    from followed
    """
)
_COLUMNS = SQL(", ").join(SQL("d.{}").format(Identifier(name)) for name in COLUMNS)


def insert_decisions(
    engine: Engine, rows: Sequence[Mapping[str, Any]], *, settings: Settings | None = None
) -> int:
    """Store decisions; one whose ``id`` is there already is left as it is.

    A row with ``revision`` is about that revision of the content ``content_id``: where the content still has
    it, its status and flags follow, and the product is told, unless a person has decided about that revision.
    Any other row leaves contents alone: it was asked about, and not published.

    Args:
        engine: the platform's database.
        rows: with ``id``, ``content_id`` (or None), ``content_kind``, ``creator_id``, ``at``, ``text``,
            ``language``, ``images`` (keys), ``decision``, ``scores``, ``reasons``, ``uncertainty``,
            ``version``, ``image_version``, ``received_at``, and maybe ``open`` (default: whether a person
            should look) and ``revision``. Times are datetimes with time zone or ISO texts.
        settings: with the key by which forgotten people are known; None: nobody is looked for.

    Returns:
        How many were new.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row, and nothing is stored.
        DatabaseUnavailable: the server cannot be reached.
    """
    if not rows:
        return 0
    fit = [checked(number, row) for number, row in enumerate(rows)]
    with transaction(engine) as connection, cursor(connection) as cur:
        kept = _remembered(connection, fit, settings)
        cur.execute(INSERT, [[row[name] for row in kept] for name in FIELDS])
        new = cur.rowcount
        about = [(row["id"], row["revision"]) for row in kept if row["revision"] is not None]
        if about:
            columns = [list(column) for column in zip(*about, strict=True)]
            cur.execute(LOCK, [[row["content_id"] for row in kept if row["revision"] is not None]])
            cur.execute(HELD, columns)
            cur.execute(FOLLOW, columns)
        return new


def _remembered(
    connection: Connection, rows: list[dict[str, Any]], settings: Settings | None
) -> list[dict[str, Any]]:
    """Those that are about nobody who was forgotten."""
    if settings is None:
        return rows
    people = sorted({str(row["creator_id"]) for row in rows if row["creator_id"]})
    erased = erased_while_adding(connection, settings, people)
    kept = [row for row in rows if row["creator_id"] not in erased]
    if len(kept) < len(rows):
        logger.info("%d decisions about forgotten people were not taken in", len(rows) - len(kept))
    return kept


def get_decision(engine: Engine, decision: UUID) -> Decision | None:
    """One decision. Raises DatabaseUnavailable."""
    query = SQL("select {} from moderation_decisions d where id = %s").format(_COLUMNS)
    with transaction(engine) as connection, rows_of(connection, Decision) as cur:
        return cur.execute(query, (decision,)).fetchone()


def history(engine: Engine, content_id: str, *, limit: int = 100) -> list[Decision]:
    """The decisions about a piece of content, the latest first."""
    query = SQL(
        "select {} from moderation_decisions d where content_id = %s order by at desc, id limit %s"
    ).format(_COLUMNS)
    with transaction(engine) as connection, rows_of(connection, Decision) as cur:
        return cur.execute(query, (storable(content_id), limit)).fetchall()


def queue(
    engine: Engine,
    *,
    limit: int,
    after: tuple[bool, float, UUID] | None = None,
    kinds: Sequence[str] = (),
    labels: Sequence[str] = (),
    decisions: Sequence[str] = (),
    appealed: bool | None = None,
) -> list[Decision]:
    """What waits for a person: appeals first, then the most uncertain.

    Args:
        engine: the platform's database.
        limit: at most so many.
        after: (appealed, uncertainty, id) of the last one that was shown; None: from the beginning.
        kinds: only these; empty means any.
        labels: only where one of these is among the reasons; empty means any.
        decisions: only these; empty means any.
        appealed: only appealed ones, or only others; None: both.
    """
    conditions, values = [SQL("d.open")], dict[str, Any](limit=limit)
    if after is not None:
        conditions.append(SQL("(d.appealed, d.uncertainty, d.id) < (%(appealed_at)s, %(at)s, %(id)s)"))
        values |= {"appealed_at": after[0], "at": after[1], "id": after[2]}
    if kinds:
        conditions.append(SQL("d.content_kind = any(%(kinds)s)"))
    if decisions:
        conditions.append(SQL("d.decision = any(%(decisions)s)"))
    if labels:
        conditions.append(
            SQL("exists (select from jsonb_array_elements(d.reasons) r where r ->> 'label' = any(%(labels)s))")
        )
    if appealed is not None:
        conditions.append(SQL("d.appealed = %(appealed)s"))
    values |= {
        "kinds": list(kinds), "labels": list(labels), "decisions": list(decisions), "appealed": appealed,
    }  # fmt: skip
    query = SQL(
        "select {} from moderation_decisions d where {}"
        " order by d.appealed desc, d.uncertainty desc, d.id desc limit %(limit)s"
    ).format(_COLUMNS, SQL(" and ").join(conditions))
    with transaction(engine) as connection, rows_of(connection, Decision) as cur:
        return cur.execute(query, values).fetchall()
