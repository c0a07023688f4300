"""Rows of the index of candidates, on their way in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from psycopg.sql import SQL, Composable, Identifier

WAITING, ASIDE, SKIP = "waiting", "aside", "skip"
ACCEPT, CORRECT, REJECT, WITHDRAW = "accept", "correct", "reject", "withdraw"
STATES = (WAITING, ASIDE, ACCEPT, CORRECT, REJECT, SKIP)


@dataclass(frozen=True)
class IndexRow:
    """A candidate as collection found it.

    Attributes:
        candidate: its name, of :func:`storage.reviews.candidate_key`.
        label: the class that was predicted or observed; ``confidence`` and ``margin`` are that prediction's.
        flag: why it needs an admin or was set aside; ``kind`` is the flag without its figures.
        set_aside: whether it is left out until an admin says otherwise.
        image: key of its picture in the photo bucket.
        values: what else there is to show, JSON-ready.
        rank, cluster: the order of verification, smaller first.
    """

    candidate: str
    entity: str | None
    label: str | None
    confidence: float | None
    margin: float | None
    flag: str | None
    kind: str | None
    set_aside: bool
    image: str | None
    values: Mapping[str, Any]
    rank: float
    cluster: str


@dataclass(frozen=True)
class Candidate:
    """A candidate with all that its table knows; see :class:`IndexRow` and ``storage.tables.Candidate``.

    ``decided_by`` and ``decided_at`` say who decided what ``state`` says; both are None while nobody has.
    """

    id: int
    family: str
    candidate: str
    day: date
    dataset: str
    entity: str | None
    label: str | None
    confidence: float | None
    margin: float | None
    flag: str | None
    kind: str | None
    set_aside: bool
    image: str | None
    values: dict[str, Any]
    rank: float
    cluster: str
    state: str
    corrected_label: str | None
    decided_by: str | None
    decided_at: datetime | None
    revision: int

    @property
    def place(self) -> tuple[float, str, int]:
        """Where it stands in the order of verification: what the next page comes after."""
        return self.rank, self.cluster, self.id


#: ``id, family, ...``: the columns of :class:`Candidate`, in its order.
COLUMNS: Composable = SQL(", ").join(Identifier(field.name) for field in fields(Candidate))
