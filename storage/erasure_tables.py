"""A person's rows in the platform's tables: counting them, deleting them, and leaving no dead copy behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine

from config.errors import DatabaseError
from storage.copying import cursor
from storage.database import database_errors, transaction
from storage.reviews import candidate_key
from storage.text_bulk import TEXT_FAMILIES
from storage.trending_tick import lock_ticks

#: Tables above this size are vacuumed in place; below it they are written anew, which also clears freed pages.
REWRITE_BYTES = 2 << 30
LOCK_SECONDS = 30


@dataclass(frozen=True)
class Traces:
    """What of one family is the person's.

    Attributes:
        column: what names the person in the rows and in what the service was asked.
        entities: values of the family's entity column in the person's rows.
        names: what the rows are called by the first column of their key, as far as known.
        by_person: whether a person is the family's entity, so that names may begin with the person and a slash.
    """

    family: str
    column: str
    entities: frozenset[str]
    names: frozenset[str]
    by_person: bool

    def values(self, person: str) -> dict[str, Any]:
        """Parameters of the statements below."""
        starts = {f"{person}/"} if self.by_person else set()
        return {
            "person": person,
            "family": self.family,
            "column": self.column,
            "entities": sorted(self.entities),
            "names": sorted(self.names),
            "keys": [candidate_key([name]) for name in sorted(self.names)],
            "beginnings": [_beginning(text) for text in sorted(starts)]
            + [f'{_beginning(name)}",' for name in sorted(self.names)],
        }


def _beginning(text: str) -> str:
    """How a candidate's name begins whose first key value begins with ``text``."""
    return f"[{json.dumps(text, ensure_ascii=False)[:-1]}"


#: (table, which rows are the person's), for each family; in an order in which no row is missed or still needed.
_FAMILY_ROWS = (
    (
        "reviews",
        """family = %(family)s and (
            candidate = any(%(keys)s::text[])
            or exists (select from unnest(%(beginnings)s::text[]) b where starts_with(candidate, b))
            or candidate in (select candidate from candidates
                where family = %(family)s and entity = any(%(entities)s::text[])))""",
    ),
    (
        "candidates",
        """family = %(family)s and (
            entity = any(%(entities)s::text[]) or candidate = any(%(keys)s::text[])
            or exists (select from unnest(%(beginnings)s::text[]) b where starts_with(candidate, b)))""",
    ),
    (
        "image_hashes",
        """family = %(family)s and (
            entity = any(%(entities)s::text[]) or image = any(%(names)s::text[]))""",
    ),
    (
        "ctr_predictions",
        """%(family)s = 'ctr' and (
            clip_id = any(%(entities)s::text[])
            or id in (select id from predictions
                where family = 'ctr' and inputs ->> %(column)s = %(person)s))""",
    ),
    (
        "shadow_answers",
        """family = %(family)s and (
            entity_id = any(%(entities)s::text[])
            or id in (select id from predictions
                where family = %(family)s and inputs ->> %(column)s = %(person)s)
            or %(family)s = 'moderation' and id in (select id from moderation_decisions
                where creator_id = %(person)s
                    or content_id in (select id from contents where creator_id = %(person)s))
            or %(family)s in ('imagery', 'sentiment', 'topics', 'entities')
                and (entity_id in (select id from contents where creator_id = %(person)s)
                    or entity_id in (select content_id from moderation_decisions
                        where creator_id = %(person)s)))""",
    ),
    (
        "predictions",
        """family = %(family)s and (
            entity_id = any(%(entities)s::text[]) or inputs ->> %(column)s = %(person)s)""",
    ),
)
_THEIR_CLIPS = "(select id from clips where creator_id = %(person)s)"
_THEIR_ITEMS = "(select id from items where author_id = %(person)s)"
_OF_THEIRS = f"(item_kind = 'user' and item_id = %(person)s or item_id in {_THEIR_ITEMS})"
_THEIR_CONTENTS = "(select id from contents where creator_id = %(person)s)"
_THEIR_DECISIONS = """(select id from moderation_decisions where creator_id = %(person)s
    or content_id in (select id from contents where creator_id = %(person)s))"""
#: What is no family's: by the person's id alone. A creator's videos, clips and items go with it, and what
#: others did to these; so do lists that were computed ahead for others and name them, until they are made anew.
_OWN_ROWS = (
    ("trend_contributions", f"user_id = %(person)s or {_OF_THEIRS}"),
    ("trend_accounts", "user_id = %(person)s"),
    ("trend_overactive", "user_id = %(person)s"),
    ("trend_buckets", _OF_THEIRS),
    ("trend_windows", _OF_THEIRS),
    ("trends", _OF_THEIRS),
    (
        "recommendation_lists",
        f"""user_id = %(person)s or exists (select from jsonb_array_elements(items) as listed
            where listed ->> 'id' in {_THEIR_ITEMS} or listed -> 'because' ->> 'item_id' in {_THEIR_ITEMS}
                or (item_kind = 'user' and listed ->> 'id' = %(person)s)
                or listed -> 'because' ->> 'item_id' = %(person)s)""",
    ),
    (
        "events",
        f"""user_id = %(person)s or (item_kind = 'user' and item_id = %(person)s)
            or item_id in {_THEIR_ITEMS}""",
    ),
    ("items", "author_id = %(person)s or (kind = 'user' and id = %(person)s)"),
    ("clip_outcomes", f"clip_id in {_THEIR_CLIPS}"),
    ("clips", f"id in {_THEIR_CLIPS}"),
    ("user_styles", "user_id = %(person)s"),
    ("moderation_appeals", f"appellant_id = %(person)s or decision_id in {_THEIR_DECISIONS}"),
    ("moderation_reviews", f"decision_id in {_THEIR_DECISIONS}"),
    ("webhook_deliveries", f"content_id in {_THEIR_CONTENTS} or payload ->> 'creator_id' = %(person)s"),
    ("media_jobs", f"creator_id = %(person)s or content_id in {_THEIR_CONTENTS}"),
    ("moderation_decisions", f"id in {_THEIR_DECISIONS}"),
    ("contents", "creator_id = %(person)s"),
    ("text_labels", "user_id = %(person)s"),
    ("engagement_snapshots", "video_id in (select id from videos where creator_id = %(person)s)"),
    ("videos", "creator_id = %(person)s"),
    ("creators", "id = %(person)s"),
)
#: Decisions of experiments stay, without whom they were about and in what context: they were counted, and what
#: an experiment says must add up. No bandit learns from them any more.
DECISIONS, ANONYMOUS = "experiment_decisions", "experiment_decisions (made anonymous)"
_COUNT_DECISIONS = """
    select count(*) from experiment_decisions where subject_id = %(person)s or sticky_subject = %(person)s
"""
_MAKE_ANONYMOUS = """
    with changed as (
        update experiment_decisions set subject_id = null, sticky_subject = null, learned = 1,
            context = case when context is null then null else '{}'::jsonb end
        where subject_id = %(person)s or sticky_subject = %(person)s
        returning 1
    )
    select count(*) from changed
"""
TABLES = (*(table for table, _ in (*_FAMILY_ROWS, *_OWN_ROWS)), DECISIONS)
#: Every answer of an experiment waits for a row in it: it is never locked to be written anew.
IN_PLACE = frozenset({DECISIONS})

#: Of a table, with its partitions where it has some.
_SIZE = """
    select greatest(pg_total_relation_size(%s::regclass), sum(pg_total_relation_size(relid))::bigint)
    from pg_partition_tree(%s::regclass)
"""

#: Candidates of others that were noticed to repeat a photo of the person.
_NAMED = """family = %(family)s and ("values" ->> 'duplicate_of' = any(%(names)s::text[])
    or %(by_person)s and starts_with("values" ->> 'duplicate_of', %(person)s || '/'))"""
_UNNAME = SQL(
    """
    update candidates set flag = split_part(flag, ': ', 1) || ': ' || %(instead)s,
        "values" = "values" || jsonb_build_object('duplicate_of', null), revision = revision + 1
    where {}
    """
).format(SQL(_NAMED))


def names_of(engine: Engine, family: str, person: str) -> set[str]:
    """What the tables know of the person's pictures, by key, and the first key values of their candidates."""
    query = """
        select image from image_hashes where family = %(family)s and entity = %(person)s
        union select image from candidates where family = %(family)s and entity = %(person)s and image <> ''
        union select candidate::jsonb ->> 0 from candidates where family = %(family)s and entity = %(person)s
        union select unnest(photos) from user_styles where user_id = %(person)s
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, {"family": family, "person": person}).fetchall()
    return {name for (name,) in found if name}


@dataclass(frozen=True)
class Owned:
    """What the tables know of a creator's rows of a family.

    Attributes:
        names: first key values of the rows.
        entities: what is the creator's alone: their videos, or clips.
        shared: whether others' rows may have the same value in the family's entity column, as clips of several
            creators in one group have.
    """

    names: frozenset[str]
    entities: frozenset[str]
    shared: bool


_VIDEOS = "select id from videos where creator_id = %(person)s"
_CLIPS = "select distinct id from clips where creator_id = %(person)s"
#: Texts that were labelled, and those of decisions that a person reviewed; groups of them have others' too.
_TEXTS = """
    select text_id from text_labels where family = %(family)s and user_id = %(person)s
    union select 'decision/' || id::text from moderation_decisions
    where %(family)s = 'moderation' and creator_id = %(person)s
"""
_NONE = "select null where false"
_OUTCOMES = """
    select distinct key from clip_outcomes
    where clip_id in (select id from clips where creator_id = %(person)s)
"""


def owned_by(engine: Engine, family: str, person: str) -> Owned:
    """The rows of ``family`` that are of a creator: of clips for ``ctr``, of texts for the families of texts,
    else of videos.
    """
    clips, texts = family == "ctr", family in TEXT_FAMILIES
    queries = (_OUTCOMES, _CLIPS) if clips else (_TEXTS, _NONE) if texts else (_VIDEOS, _VIDEOS)
    with transaction(engine) as connection, cursor(connection) as cur:
        names, entities = (
            frozenset(name for (name,) in cur.execute(query, {"person": person, "family": family}).fetchall())
            for query in queries
        )
    return Owned(names, entities, shared=clips or texts)


def items_of(engine: Engine, person: str) -> frozenset[str]:
    """Ids of the items that the person made."""
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute("select id from items where author_id = %s", (person,))
        return frozenset(name for (name,) in found)


def count_rows(engine: Engine, person: str, traces: Sequence[Traces]) -> dict[str, int]:
    """How many rows of each table are the person's."""
    with transaction(engine) as connection, cursor(connection) as cur:
        counts = _each(cur, "select count(*) from {} where {}", person, traces)
        return counts | {ANONYMOUS: _count(cur, _COUNT_DECISIONS, person)}


def delete_rows(connection: Connection, person: str, traces: Sequence[Traces], instead: str) -> dict[str, int]:
    """Delete them, and the names of the person's pictures in what is said of others; how many of each table.

    Decisions of experiments are made anonymous.
    """
    lock_ticks(connection)  # or one that has read the person's events could still count them
    with cursor(connection) as cur:
        for each in traces:
            values = each.values(person) | {"by_person": each.by_person, "instead": instead}
            cur.execute(_UNNAME, values)
        counts = _each(
            cur, "with gone as (delete from {} where {} returning 1) select count(*) from gone", person, traces
        )
        return counts | {ANONYMOUS: _count(cur, _MAKE_ANONYMOUS, person)}


def _count(cur: Cursor[Any], statement: LiteralString, person: str) -> int:
    found = cur.execute(statement, {"person": person}).fetchone()
    return int(found[0]) if found else 0


def _each(cur: Cursor[Any], statement: str, person: str, traces: Sequence[Traces]) -> dict[str, int]:
    counts: dict[str, int] = {table: 0 for table in TABLES if table != DECISIONS}
    asked: list[tuple[str, str, Mapping[str, Any]]] = [
        (table, rows, each.values(person)) for each in traces for table, rows in _FAMILY_ROWS
    ]
    asked += [(table, rows, {"person": person}) for table, rows in _OWN_ROWS]
    for table, rows, values in asked:
        found = cur.execute(SQL(statement).format(Identifier(table), SQL(rows)), values).fetchone()
        counts[table] += int(found[0]) if found else 0
    return counts


def sweep_out(engine: Engine, tables: Sequence[str] = TABLES) -> dict[str, bool]:
    """Clear the deleted rows' bytes from the tables; whether each was written anew.

    A table is written anew (``VACUUM FULL``), which locks it for that time: services then keep their records on
    disk, and go on. One that is too large, or in use for too long, is vacuumed in place: its freed pages are
    then used again, and only in time overwritten. Those ``IN_PLACE`` are always vacuumed in place.
    """
    return {
        table: (table not in IN_PLACE and _rewrite(engine, table)) or _vacuum(engine, table, "")
        for table in tables
    }


def _rewrite(engine: Engine, table: str) -> bool:
    with transaction(engine) as connection, cursor(connection) as cur:
        size = cur.execute(_SIZE, (table, table)).fetchone()
    if size is None or size[0] > REWRITE_BYTES:
        return False
    try:
        _vacuum(engine, table, "full, ")
    except DatabaseError as error:
        if "lock timeout" in error.message:
            return False
        raise
    return True


def _vacuum(engine: Engine, table: str, mode: str) -> bool:
    with database_errors(engine), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"set lock_timeout = '{LOCK_SECONDS}s'")
        try:
            connection.exec_driver_sql(f"vacuum ({mode}analyze) {table}")
        finally:
            connection.exec_driver_sql("reset lock_timeout")
    return False
