"""A decision of moderation as it goes into its table and comes out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from config.errors import InputError
from storage.content_tables import CONTENT_KINDS, DECISIONS
from storage.rows import storable


@dataclass(frozen=True)
class Decision:
    """One decision; the fields are those of :class:`storage.content_tables.ModerationDecision`."""

    id: UUID
    content_id: str | None
    content_kind: str
    creator_id: str | None
    at: datetime
    text: str | None
    language: str | None
    images: list[str]
    decision: str
    scores: dict[str, float]
    reasons: list[dict[str, Any]]
    uncertainty: float
    version: str | None
    image_version: str | None
    received_at: datetime
    open: bool
    appealed: bool
    reviewed_at: datetime | None
    reviewed_decision: str | None

    @property
    def standing(self) -> str:
        """What holds now: the latest review, or else the decision."""
        return self.reviewed_decision or self.decision


COLUMNS = tuple(one.name for one in fields(Decision))
#: What is written of a new decision; the rest is a review's. ``revision`` is that of the content.
FIELDS: Mapping[str, str] = {
    "id": "uuid", "content_id": "text", "content_kind": "text", "creator_id": "text", "at": "timestamptz",
    "text": "text", "language": "text", "images": "text", "decision": "text", "scores": "text",
    "reasons": "text", "uncertainty": "float8", "version": "text", "image_version": "text",
    "received_at": "timestamptz", "open": "boolean", "revision": "bigint",
}  # fmt: skip


def checked(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A new decision with the fields of :data:`FIELDS`, as they are stored; images and JSON as texts.

    Raises:
        InputError: a field is missing or wrong; the message names the row.
    """
    try:
        decision, kind = str(row["decision"]), str(row["content_kind"])
        if decision not in DECISIONS or kind not in CONTENT_KINDS:
            raise ValueError(f"'{decision}' of a '{kind}' is no decision")
        return {
            "id": str(uuid.UUID(str(row["id"]))),
            "content_id": _text(row.get("content_id")),
            "content_kind": kind,
            "creator_id": _text(row.get("creator_id")),
            "at": _time(row["at"]),
            "text": _text(row.get("text")),
            "language": _text(row.get("language")),
            "images": _json([str(key) for key in row.get("images") or ()]),
            "decision": decision,
            "scores": _json(dict(row["scores"])),
            "reasons": _json(list(row["reasons"])),
            "uncertainty": min(1.0, max(0.0, float(row["uncertainty"]))),
            "version": _text(row.get("version")),
            "image_version": _text(row.get("image_version")),
            "received_at": _time(row["received_at"]),
            "open": bool(row.get("open", decision in ("flagged", "review_required"))),
            "revision": None if row.get("revision") is None else int(row["revision"]),
        }
    except KeyError as error:
        raise InputError(f"Decision {number} of the batch has no field {error}.") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"Decision {number} of the batch is not usable: {error}.") from None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else storable(str(value))


def _json(value: Any) -> str:
    return orjson.dumps(storable(value), default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError(f"{value!r} is not a time with time zone")
    return at
