"""What is published: put in by the product, read by who moderates and analyzes it, and given its results.

A row that the product writes itself is the same: a trigger counts its revisions and tells who listens
(``contents_due``). Who works on it claims it (``storage/content_claims.py``). Work on a revision that changed
meanwhile comes to nothing, and the new one is due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Connection, Engine

from config.errors import InputError
from config.settings import Settings
from storage.content_tables import CONTENT_KINDS
from storage.copying import cursor, rows_of
from storage.database import transaction
from storage.erasure import erased_while_adding
from storage.rows import storable

LONGEST_ID, LONGEST_TEXT, MOST_TAGS, MOST_IMAGES = 200, 100_000, 100, 20
DUE_CHANNEL = "contents_due"


@dataclass(frozen=True)
class StoredContent:
    """A piece of content; the fields are those of :class:`storage.content_tables.Content`."""

    id: str
    kind: str
    creator_id: str | None
    title: str | None
    text: str | None
    tags: list[str] | None
    video: str | None
    images: list[str] | None
    created_at: datetime
    received_at: datetime
    revision: int
    moderated_revision: int
    analyzed_revision: int
    claimed_at: datetime | None
    attempts: int
    error: str | None
    moderation_status: str
    moderation_flags: list[str]
    moderation_id: UUID | None
    moderated_at: datetime | None
    is_flagged: bool
    flag_reason: str | None
    analysis: dict[str, Any] | None
    analyzed_at: datetime | None

    @property
    def wants_moderation(self) -> bool:
        """Whether nobody has moderated this revision."""
        return self.moderated_revision < self.revision

    @property
    def wants_analysis(self) -> bool:
        """Whether nobody has analyzed this revision."""
        return self.analyzed_revision < self.revision


COLUMNS = tuple(one.name for one in fields(StoredContent))
#: All columns, in SQL.
SELECTED = SQL(", ").join(map(Identifier, COLUMNS))
_GIVEN: Mapping[str, str] = {
    "id": "text", "kind": "text", "creator_id": "text", "title": "text", "text": "text", "tags": "text",
    "video": "text", "images": "text", "created_at": "timestamptz", "received_at": "timestamptz",
    "told_at": "timestamptz",
}  # fmt: skip
_LISTS = ("tags", "images")


def _upsert() -> Composed:
    """One statement for new contents and for those that are described anew. What waited on disk changes nothing
    that was told later; what was just told is the last word, also where another host's clock is ahead.
    """
    read = [
        SQL("case when {0} is not null then array(select jsonb_array_elements_text({0}::jsonb)) end").format(
            Identifier(name)
        )
        if name in _LISTS
        else Identifier(name)
        for name in _GIVEN
    ]
    changed = [name for name in _GIVEN if name not in ("id", "created_at", "received_at", "told_at")]
    return SQL(
        """
        insert into contents as c ({columns}) select {read} from unnest({arrays}) as row ({columns}) order by id
        on conflict (id) do update
            set {sets}, told_at = greatest(c.told_at + interval '1 microsecond', excluded.told_at)
        where (not %s::boolean or c.told_at <= excluded.told_at) and {described} is distinct from {anew}
        returning id, revision
        """
    ).format(
        described=_of("c", changed),
        anew=_of("excluded", changed),
        columns=SQL(", ").join(map(Identifier, _GIVEN)),
        read=SQL(", ").join(read),
        arrays=SQL(", ").join(SQL("%s::{}[]").format(SQL(kind)) for kind in _GIVEN.values()),
        sets=SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(name)) for name in changed),
    )


def _of(table: str, names: Sequence[str]) -> Composed:
    return SQL("({})").format(SQL(", ").join(Identifier(table, name) for name in names))


UPSERT = _upsert()
#: Of contents that were not changed: when they were last told so, and which of them were told later by others.
#: Their rows are locked since :data:`UPSERT`.
_TOLD = """
    update contents c set told_at = greatest(c.told_at, row.told_at)
    from unnest(%s::text[], %s::timestamptz[]) as row (id, told_at)
    where c.id = row.id returning c.id, c.told_at > row.told_at
"""


@dataclass(frozen=True)
class PutContents:
    """What became of contents: ``changed`` (new, or described anew) with their revision, ``unchanged``,
    ``refused`` by place in what was given, with the reason, and ``overtaken``: something later was told of
    these already, and stands.
    """

    changed: Mapping[str, int]
    unchanged: Sequence[str]
    refused: Mapping[int, str]
    overtaken: Sequence[str] = ()


def put_contents(
    engine: Engine, rows: Sequence[Mapping[str, Any]], at: datetime, *, settings: Settings | None = None,
    waited: bool = False,
) -> PutContents:  # fmt: skip
    """Store contents, or describe anew those that are there; the same again changes nothing.

    A row that cannot be stored is refused with its reason, and the rest is stored. Of two rows of one id the
    one that was told later counts, and of two told at once the second.

    Args:
        engine: the platform's database.
        rows: with ``id``, ``kind``, and what there is of ``creator_id``, ``title``, ``text``, ``tags``,
            ``video`` (a key in the media bucket), ``images`` (keys), ``created_at`` (default: when told).
        at: now, UTC.
        settings: with the key by which forgotten people are known; None: nobody is looked for.
        waited: the rows waited on disk. Each has ``told_at`` (default: ``at``), and changes nothing of which
            something later was told meanwhile.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    refused: dict[int, str] = {}
    fit: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        try:
            checked = check_content(row, at, waited=waited)
        except InputError as error:
            refused[number] = error.message
        else:
            other = fit.get(checked["id"])
            if other is None or other["told_at"] <= checked["told_at"]:
                fit[checked["id"]] = checked
    with transaction(engine) as connection, cursor(connection) as cur:
        kept = _remembered(connection, list(fit.values()), settings)
        for number, row in enumerate(rows):
            if number not in refused and str(row.get("id")) not in {one["id"] for one in kept}:
                refused[number] = "its creator was forgotten"
        arrays = [[row[name] for row in kept] for name in _GIVEN]
        found = cur.execute(UPSERT, [*arrays, waited]).fetchall() if kept else []
        changed = {str(row[0]): int(row[1]) for row in found}
        same = [row for row in kept if row["id"] not in changed]
        told = [[row[name] for row in same] for name in ("id", "told_at")]
        newer = {row[0] for row in cur.execute(_TOLD, told).fetchall() if row[1]} if same else set()
    overtaken = [row["id"] for row in same if waited and row["id"] in newer]
    return PutContents(changed, [row["id"] for row in same if row["id"] not in overtaken], refused, overtaken)


def _remembered(
    connection: Connection, rows: list[dict[str, Any]], settings: Settings | None
) -> list[dict[str, Any]]:
    if settings is None:
        return rows
    people = sorted({row["creator_id"] for row in rows if row["creator_id"]})
    erased = erased_while_adding(connection, settings, people)
    return [row for row in rows if row["creator_id"] not in erased]


def check_content(row: Mapping[str, Any], at: datetime, *, waited: bool = False) -> dict[str, Any]:
    """``row`` as it is stored; lists as JSON texts. Raises InputError, which names the field.

    Of one that ``waited`` its ``told_at`` counts, though nothing was told later than now.
    """
    name, kind = row.get("id"), row.get("kind")
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_ID or "\x00" in name:
        raise InputError(f"id must be a text of 1 to {LONGEST_ID} characters")
    if kind not in CONTENT_KINDS:
        raise InputError(f"kind must be one of {', '.join(CONTENT_KINDS)}")
    told = min(at, _moment("told_at", row.get("told_at"), at)) if waited else at
    found: dict[str, Any] = {"id": storable(name), "kind": kind, "received_at": at, "told_at": told}
    for field, longest in (
        ("creator_id", LONGEST_ID), ("title", LONGEST_TEXT), ("text", LONGEST_TEXT), ("video", 1024),
    ):  # fmt: skip
        value = row.get(field)
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            raise InputError(f"{field} must be a text of at most {longest:,} characters")
        found[field] = storable(value) or None
    for field, most in (("tags", MOST_TAGS), ("images", MOST_IMAGES)):
        value = row.get(field)
        listed = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        if value is not None and (not listed or len(value) > most):
            raise InputError(f"{field} must be a list of at most {most} texts")
        found[field] = orjson.dumps(storable(value)).decode() if value else None
    found["created_at"] = _moment("created_at", row.get("created_at"), told)
    return found


def _moment(field: str, value: Any, at: datetime) -> datetime:
    if value is None:
        return at
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment.tzinfo is None:
            raise ValueError
    except (ValueError, AttributeError, TypeError):
        raise InputError(f"{field} must be a time with time zone, such as 2026-11-29T10:00:00Z") from None
    return datetime.astimezone(moment, UTC)


def get_content(engine: Engine, content_id: str) -> StoredContent | None:
    """One piece of content. Raises DatabaseUnavailable."""
    return next(iter(get_contents(engine, [content_id])), None)


def get_contents(engine: Engine, ids: Sequence[str]) -> list[StoredContent]:
    """Those of ``ids`` that there are, by id."""
    query = SQL("select {} from contents where id = any(%s) order by id").format(SELECTED)
    with transaction(engine) as connection, rows_of(connection, StoredContent) as cur:
        return cur.execute(query, ([storable(one) for one in ids],)).fetchall()


def store_analysis(engine: Engine, rows: Sequence[Mapping[str, Any]], at: datetime) -> int:
    """Store what analysis said, where the content still has the revision that it is about; the product is told.

    Args:
        engine: the platform's database.
        rows: with ``id``, ``revision`` and ``analysis`` (a mapping).
        at: now, UTC.

    Returns:
        How many were taken.
    """
    query = """
        with done as (
            update contents c set analysis = row.analysis::jsonb, analyzed_at = %(at)s,
                analyzed_revision = row.revision, error = null,
                attempts = case when c.moderated_revision >= c.revision then 0 else c.attempts end
            from unnest(%(ids)s::text[], %(revisions)s::bigint[], %(analyses)s::text[])
                as row (id, revision, analysis)
            where c.id = row.id and c.revision = row.revision and c.analyzed_revision < row.revision
            returning c.id, c.kind, c.creator_id, c.revision, c.analysis
        )
        insert into webhook_deliveries (event, content_id, payload, created_at, next_at)
        select 'content.analyzed', id, jsonb_build_object('content_id', id, 'content_type', kind,
            'creator_id', creator_id, 'revision', revision, 'analysis', analysis, 'at', %(at)s::timestamptz),
            %(at)s, least(%(at)s, now())
        from done
    """
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    analyses = [
        orjson.dumps(storable(row["analysis"]), option=orjson.OPT_SERIALIZE_NUMPY).decode() for row in ordered
    ]
    values = {
        "ids": [row["id"] for row in ordered], "revisions": [row["revision"] for row in ordered],
        "analyses": analyses, "at": at,
    }  # fmt: skip
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(query, values)
        return cur.rowcount
