"""Geometry of the trends: one figure over days, its interval as a band, and where the version changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from storage.monitor_figures import FigurePoint

#: Units of the drawing; y downwards.
WIDTH, HEIGHT = 600.0, 160.0
#: Room above and below what is drawn.
ROOM = 8.0


@dataclass(frozen=True)
class Trend:
    """A chart of one figure.

    Attributes:
        line, band: paths of the values and of their intervals; the band is empty where there are none.
        dots: places of the values, for days that stand alone.
        moves: (x, version) where another version began.
        low, high: what the lower and upper edge stand for.
    """

    name: str
    points: list[FigurePoint]
    line: str
    band: str
    dots: list[tuple[float, float]]
    moves: list[tuple[float, str]]
    low: float
    high: float

    @property
    def last(self) -> FigurePoint:
        """The newest day."""
        return self.points[-1]

    @property
    def change(self) -> float | None:
        """The newest value less the one before; None for the first."""
        return self.points[-1].value - self.points[-2].value if len(self.points) > 1 else None


def trend(name: str, points: Sequence[FigurePoint], first: date, last: date) -> Trend:
    """The chart of ``points`` (at least one, in order of days) on an axis from ``first`` to ``last``."""
    low, high = _edges(points)
    days = max((last - first).days, 1)
    place = [(WIDTH * (one.day - first).days / days, _y(one.value, low, high), one) for one in points]
    whole = [(x, one) for x, _, one in place if one.low is not None and one.high is not None]
    return Trend(
        name,
        list(points),
        _path([(x, y) for x, y, _ in place]),
        _band([(x, _y(_or(one.low), low, high), _y(_or(one.high), low, high)) for x, one in whole]),
        [(x, y) for x, y, _ in place],
        _moves([(x, one.version) for x, _, one in place]),
        low,
        high,
    )


def _edges(points: Sequence[FigurePoint]) -> tuple[float, float]:
    values = [one for point in points for one in (point.value, point.low, point.high) if one is not None]
    low, high = min(values), max(values)
    if low == high:
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    return low, high


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - ROOM - (HEIGHT - 2 * ROOM) * (value - low) / (high - low)


def _or(value: float | None) -> float:
    return 0.0 if value is None else value


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _band(edges: Sequence[tuple[float, float, float]]) -> str:
    if len(edges) < 2:
        return ""
    there = [(x, high) for x, _, high in edges]
    back = [(x, low) for x, low, _ in reversed(edges)]
    return f"{_path(there + back)} Z"


def _moves(versions: Sequence[tuple[float, str | None]]) -> list[tuple[float, str]]:
    found = []
    before: str | None = None
    for x, version in versions:
        if version is not None and before is not None and version != before:
            found.append((x, version))
        before = version or before
    return found
