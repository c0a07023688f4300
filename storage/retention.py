"""What retention would delete: a plan of lines, each of one kind of thing, with its amount and time.

A plan is of a midnight, so that it stays the same for the rest of the day, and has a digest by which one who
read it can ask for exactly that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

PREDICTIONS, CANDIDATES, EVENTS, REVISIONS, PARTS, DECISIONS, DELIVERIES, MONITOR, SESSIONS = KINDS = (
    "predictions", "candidates", "events", "revisions", "parts", "decisions", "deliveries", "monitor",
    "sessions",
)  # fmt: skip
#: Held by a backup, whose databases name what its copy of the store must have, and by a run of retention.
STORE_LOCK = "whole store"


@dataclass(frozen=True)
class Line:
    """What goes of one kind and place.

    Attributes:
        kind: one of ``KINDS``.
        what: what exactly: a table and family, a partition, a dataset version.
        month: of the newest of it (YYYY-MM), empty where it has no time.
        count: how many, of ``unit``: rows, or objects.
        bytes: how much, as stored; None where nobody knows without reading it.
        oldest, newest: of the rows, in UTC.
    """

    kind: str
    what: str
    month: str
    count: int
    unit: str
    bytes: int | None = None
    oldest: date | None = None
    newest: date | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        times = {name: at.isoformat() if (at := getattr(self, name)) else None for name in ("oldest", "newest")}
        return asdict(self) | times


@dataclass(frozen=True)
class Plan:
    """What would be deleted as of ``at``, a midnight in UTC.

    Attributes:
        settings: by kind, what the settings say of it, in words.
        lines: what goes.
        held: sentences about what is old enough and stays all the same, and why.
        versions: names of the dataset versions that are retired by it.
    """

    at: datetime
    settings: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[Line] = ()
    held: Sequence[str] = ()
    versions: Sequence[str] = ()

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of a SHA-256: the same for the same lines and settings.

        What nobody would ask back is not part of it, as it changes by the minute: ended sessions.
        """
        # nor is the size of a partition, which changes where nothing does
        lines = [
            line.as_json() | ({"bytes": None} if line.kind == EVENTS else {})
            for line in self.lines
            if line.kind != SESSIONS
        ]
        told = json.dumps(
            [self.at.isoformat(), dict(self.settings), lines, list(self.versions)], sort_keys=True
        )
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def of(self, kind: str) -> list[Line]:
        """The lines of a kind."""
        return [line for line in self.lines if line.kind == kind]

    def as_json(self) -> dict[str, Any]:
        """JSON-ready form, with the totals by kind."""
        return {
            "at": self.at.isoformat(),
            "digest": self.digest,
            "settings": dict(self.settings),
            "totals": totals(self.lines),
            "lines": [line.as_json() for line in self.lines],
            "held": list(self.held),
            "versions": list(self.versions),
        }


def totals(lines: Iterable[Line]) -> dict[str, dict[str, int]]:
    """By kind: how many rows and objects, and how many bytes, as far as they are known."""
    found: dict[str, dict[str, int]] = {}
    for line in lines:
        one = found.setdefault(line.kind, {"bytes": 0})
        one[line.unit] = one.get(line.unit, 0) + line.count
        one["bytes"] += line.bytes or 0
    return found


def midnight(moment: datetime) -> datetime:
    """The last midnight in UTC."""
    at = moment.astimezone(UTC)
    return datetime(at.year, at.month, at.day, tzinfo=UTC)


def month_of(moment: datetime) -> str:
    """As YYYY-MM, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m}"
