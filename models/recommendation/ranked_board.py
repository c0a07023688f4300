"""A board's items in the orders that the heuristic walks; made once for each board."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from models.recommendation.question import Board


class RankedBoard:
    """The items of one board by kind: by engagement that halves with age, by time, and by trend.

    Args:
        board: the board.
        half_life: engagement counts half after this long.
    """

    def __init__(self, board: Board, half_life: timedelta) -> None:
        self.board = board
        self._half_life_us = half_life.total_seconds() * 1e6
        by_value = sorted(board.items, key=lambda one: (-self.value(one), one))
        by_age = sorted(board.items, key=lambda one: (-self.age_value(one), one))
        by_trend = sorted(board.trending, key=lambda one: (-board.trending[one], one))
        #: kind -> ids
        self.engaged = _by_kind(by_value, board.items)
        self.newest = _by_kind(by_age, board.items)
        self.trending = _by_kind((one for one in by_trend if one in board.items), board.items)

    def value(self, one: str) -> float:
        """By which engagement orders: (1 + engagement) · 2^(-age / half-life), as its logarithm to base 2 but
        for a part that is the same for all, so that the order holds at every moment.
        """
        published: int = self.board.items[one]["published_us"]
        return math.log2(1 + max(self.engagement(one), 0.0)) + published / self._half_life_us

    def age_value(self, one: str) -> float:
        """By which time orders."""
        return float(self.board.items[one]["published_us"])

    def engagement(self, one: str) -> float:
        """Weighted engagement of the last days."""
        return self.board.engagement.get(one, 0.0)

    def of_authors(self, authors: Iterable[str], kind: str) -> Iterator[str]:
        """Ids of one kind by these authors, the newest first."""
        known = self.board.items
        theirs = [
            one
            for author in authors
            for one in self.board.by_author.get(author, ())
            if known[one]["kind"] == kind
        ]
        return iter(sorted(theirs, key=lambda one: -known[one]["published_us"]))


class RankedBoards:
    """The ranked form of boards that are in use."""

    def __init__(self, half_life: timedelta) -> None:
        self._half_life = half_life
        self._last: tuple[Board, RankedBoard] | None = None

    def of(self, board: Board) -> RankedBoard:
        """The board in its orders; the last one is kept."""
        last = self._last
        if last is not None and last[0] is board:
            return last[1]
        made = RankedBoard(board, self._half_life)
        self._last = (board, made)
        return made


def _by_kind(ids: Iterable[str], items: Mapping[str, Mapping[str, Any]]) -> dict[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for one in ids:
        found.setdefault(items[one]["kind"], []).append(one)
    return dict(found)
