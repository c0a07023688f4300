"""Which promotions are watched, to be rolled back. Pure: the history of a family in, a verdict out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

#: Who rolls back by itself.
MONITOR = "monitor"


class Move(Protocol):
    """One move of the alias (``storage.history.Promotion``)."""

    @property
    def from_version(self) -> str | None: ...  # noqa: D102
    @property
    def to_version(self) -> str: ...  # noqa: D102
    @property
    def action(self) -> str: ...  # noqa: D102
    @property
    def at(self) -> datetime: ...  # noqa: D102


@dataclass(frozen=True)
class Watched:
    """A promotion under watch: from ``before`` to ``version``, at ``since``.

    ``by_hand``: why it is rolled back by people alone; None: the monitor may do it.
    """

    version: str
    before: str
    since: datetime
    by_hand: str | None


def watched(moves: Sequence[Move], at: datetime, days: float) -> Watched | None:
    """The promotion that is to be watched at ``at``; None: there is none.

    Only the last move is, when it was a promotion not longer ago than ``days``, and there was a version before
    it. Never twice: a version that was rolled back once, and put back by somebody since, is theirs to judge;
    and so is one whose predecessor had been rolled back itself, so that nothing goes to and fro.

    Args:
        moves: of one family, the newest first.
        at: now.
        days: how long a promotion is watched.
    """
    if not moves:
        return None
    last = moves[0]
    before = last.from_version
    if last.action == "rollback" or before is None or before == last.to_version:
        return None
    if at - last.at > timedelta(days=days):
        return None
    left = {move.from_version for move in moves if move.action == "rollback"}
    by_hand = None
    if last.to_version in left:
        by_hand = f"version {last.to_version} was rolled back before and put back by {_somebody(last)}"
    elif before in left:
        by_hand = f"version {before} was itself rolled back before"
    return Watched(last.to_version, before, last.at, by_hand)


def _somebody(move: Move) -> str:
    return str(getattr(move, "actor", "") or "somebody")
