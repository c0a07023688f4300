"""Geometry of the experiments' charts: paths that the templates and the polled JSON carry, no script, no style.

All in the units of their viewBox, y downwards. Paths have one decimal: a thousandth of the width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

SHARE_BOX = (1000.0, 280.0)
ROW_BOX = (1000.0, 100.0)
#: Points of a density's outline.
OUTLINE = 97
#: Rows of the table beside the chart of shares.
TABLE_ROWS = 8


@dataclass(frozen=True)
class Shares:
    """Share of all decisions so far that each variant had, at some moments: (moments, variants)."""

    moments: list[datetime] = field(default_factory=list)
    shares: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def top(self) -> float:
        """The share at the upper edge: less than all of it where every share is small."""
        most = float(self.shares.max(initial=0.0)) if self.moments else 1.0
        return next(edge for edge in (0.1, 0.25, 0.5, 1.0) if most <= edge)

    def paths(self) -> list[str]:
        """A line for each variant."""
        width, height = SHARE_BOX
        if not self.moments:
            return [""] * self.shares.shape[1]
        x = np.linspace(0, width, len(self.moments)) if len(self.moments) > 1 else np.array([0.0])
        return [_line(zip(x, height * (1 - column / self.top), strict=True)) for column in self.shares.T]

    def table(self) -> list[tuple[datetime, list[float]]]:
        """Some of the moments, the last one among them."""
        if not self.moments:
            return []
        places = np.unique(np.linspace(len(self.moments) - 1, 0, TABLE_ROWS).round().astype(int))
        return [(self.moments[place], self.shares[place].tolist()) for place in places]


def shares(timeline: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Shares:
    """Out of cumulative counts: rows of ``at``, ``variant`` and ``decisions``."""
    place = {name: number for number, name in enumerate(names)}
    found: dict[datetime, list[float]] = {}
    for row in timeline:
        found.setdefault(row["at"], [0.0] * len(names))[place[row["variant"]]] = row["decisions"]
    moments = [moment for moment in sorted(found) if sum(found[moment])]
    counts = np.array([found[moment] for moment in moments]).reshape(len(moments), len(names))
    return Shares(moments, counts / counts.sum(axis=1, keepdims=True) if len(moments) else counts)


@dataclass(frozen=True)
class Axis:
    """What a row of the width 1000 spans."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Where ``value`` lies, kept inside the box."""
        width = ROW_BOX[0]
        return min(max(width * (value - self.low) / (self.high - self.low), 0.0), width)


def axis(
    lows: Iterable[float | None],
    highs: Iterable[float | None],
    *within: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Axis:
    """An axis that shows all of these, with a little room, but nothing beyond ``bounds``."""
    values = [one for one in (*lows, *highs, *within) if one is not None and np.isfinite(one)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.04 * (high - low) or 0.5
    return Axis(max(low - room, bounds[0]), min(high + room, bounds[1]))


def density_path(density: np.ndarray) -> str:
    """A closed outline of (n,) densities at even steps over the row; the highest fills the row."""
    width, height = ROW_BOX
    finite = np.nan_to_num(density, nan=0.0, posinf=np.finfo(float).max / 4)
    scaled = finite / (finite.max() or 1.0)
    x = np.linspace(0, width, len(scaled))
    return f"{_line(zip(x, height * (1 - 0.96 * scaled), strict=True))} L{width:g} {height:g} L0 {height:g} Z"


def interval_shape(along: Axis, low: float | None, high: float | None, middle: float | None) -> dict[str, str]:
    """Paths of an interval (``whole``) and of its middle (``mark``); empty where there is none."""
    height = ROW_BOX[1]
    if low is None or high is None or middle is None:
        return {"whole": "", "mark": ""}
    start, end, x = along.x(low), along.x(high), along.x(middle)
    return {
        "whole": f"M{start:.1f} {height / 2:g} H{end:.1f}",
        "mark": f"M{x:.1f} {height * 0.2:g} V{height * 0.8:g}",
    }


def rule_path(along: Axis, value: float) -> str:
    """An upright line over the whole row."""
    return f"M{along.x(value):.1f} 0 V{ROW_BOX[1]:g}"


def _line(points: Iterable[tuple[float, float]]) -> str:
    found = [f"{x:.1f} {y:.1f}" for x, y in points]
    # One point alone is drawn as a dash, so that the first decisions are seen.
    return f"M{found[0]} h12" if len(found) == 1 else "M" + " L".join(found)
