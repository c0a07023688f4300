"""What admins decided about candidates. Every decision is kept; the latest one counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ARRAY, Engine, Text, any_, insert, literal, select

from config.errors import InputError
from storage import tables
from storage.database import transaction

Decision = Literal["accept", "reject", "correct"]


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

    Raises:
        InputError: ``correct`` without a label, or a label without ``correct``.
        DatabaseUnavailable: the server cannot be reached.
    """
    if (decision == "correct") != (corrected_label is not None):
        raise InputError("A correction names the right label, and only a correction does.")
    rows = [
        Review(family, candidate, decision, corrected_label, reason, decided_by, decided_at).__dict__
        for candidate in dict.fromkeys(candidates)
    ]
    if rows:
        with transaction(engine) as connection:
            connection.execute(insert(tables.Review), rows)
    return len(rows)


def latest_decisions(engine: Engine, family: str, candidates: Sequence[str] | None = None) -> dict[str, Review]:
    """The decision that counts for each decided candidate of ``family``, or of those ``candidates``."""
    row = tables.Review.__table__
    columns = [column for column in row.c if column.name != "id"]
    query = (
        select(*columns)
        .where(row.c.family == family)
        .distinct(row.c.candidate)
        .order_by(row.c.candidate, row.c.decided_at.desc(), row.c.id.desc())
    )
    if candidates is not None:
        query = query.where(row.c.candidate == any_(literal(list(candidates), ARRAY(Text))))
    with transaction(engine) as connection:
        return {each["candidate"]: Review(**each) for each in connection.execute(query).mappings()}
