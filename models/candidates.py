"""What an admin sees of a candidate, what an admin decided, and which candidates are worth looking at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """An admin's decision about one row: ``accept``, ``correct`` (then with a label) or ``reject``."""

    decision: str
    corrected_label: str | None
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True)
class CandidateFacts:
    """What the index of candidates keeps of one row.

    Attributes:
        key: values of the family's key columns, in their order.
        entity: the user or video that the row is about.
        label: the class that was predicted (or observed).
        confidence: of that class; None where unknown.
        margin: probability of the first class minus that of the second; None where unknown.
        flag: why it needs an admin, or why it was set aside.
        image: key of its picture in the photo bucket.
        sha256, phash: of the picture's bytes, and its perceptual hash as a signed 64-bit number.
        values: what else there is to show, JSON-ready.
    """

    key: tuple[Any, ...]
    entity: str | None
    label: str | None
    confidence: float | None
    margin: float | None
    flag: str | None
    image: str | None = None
    sha256: str | None = None
    phash: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


#: A class with no gold at all is looked at as if its margin were smaller by this much.
SCARCITY_WEIGHT = 0.3


def usefulness(
    margins: np.ndarray, labels: Sequence[str | None], entities: Sequence[str | None], known: Mapping[str, int]
) -> np.ndarray:
    """(n,) the order in which candidates are worth an admin's time; smaller comes first.

    Uncertainty sampling by margin (Scheffer et al. 2001), less a bonus for classes with few verified rows; rows
    of one entity whose labels disagree all get the smallest value among them, so that they come together.

    Args:
        margins: (n,) probability of the first class minus that of the second, NaN where unknown (taken as 0).
        labels: (n,) predicted classes.
        entities: (n,) users.
        known: verified rows so far by class.
    """
    most = max(known.values(), default=0)
    scarcity = np.array([1.0 - known.get(label or "", 0) / most if most else 0.0 for label in labels])
    rank = np.nan_to_num(np.asarray(margins, float), nan=0.0) - SCARCITY_WEIGHT * scarcity
    for rows in _disagreeing(labels, entities).values():
        rank[rows] = rank[rows].min()
    return rank


def clusters(names: Sequence[str], labels: Sequence[str | None], entities: Sequence[str | None]) -> list[str]:
    """What candidates of one rank are ordered by: the entity where its labels disagree, else the own name.

    Args:
        names: (n,) of the candidates.
        labels: (n,) predicted classes.
        entities: (n,) users.
    """
    found = list(names)
    for entity, rows in _disagreeing(labels, entities).items():
        for row in rows:
            found[row] = entity
    return found


def _disagreeing(labels: Sequence[str | None], entities: Sequence[str | None]) -> dict[str, list[int]]:
    """The rows of each entity that has more than one label."""
    members: dict[str, list[int]] = {}
    for row, entity in enumerate(entities):
        if entity is not None:
            members.setdefault(entity, []).append(row)
    return {entity: rows for entity, rows in members.items() if len({labels[row] for row in rows}) > 1}
