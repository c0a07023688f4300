"""Figures for plots that the templates draw as SVG attributes: no script, no inline style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: The order in which the parts of a split are shown.
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Bar:
    """One bar: its count, its share of all, and its length as percent of the longest."""

    name: str
    count: int
    share: float
    length: float
    start: float = 0.0


def bars(counts: Mapping[str, int], order: Sequence[str] = ()) -> list[Bar]:
    """A bar for each name, the most frequent first; those of ``order`` first, in that order."""
    total, longest = sum(counts.values()) or 1, max(counts.values(), default=0) or 1
    place = {name: number for number, name in enumerate(order)}
    names = sorted(counts, key=lambda name: (place.get(name, len(order)), -counts[name], name))
    return [
        Bar(name, counts[name], share=counts[name] / total, length=100 * counts[name] / longest)
        for name in names
    ]


def stack(counts: Mapping[str, int], order: Sequence[str] = SPLITS) -> list[Bar]:
    """The same as pieces of one bar, each with its start and length in percent of the whole."""
    start, pieces = 0.0, []
    for bar in bars(counts, order):
        pieces.append(Bar(bar.name, bar.count, bar.share, 100 * bar.share, start))
        start += 100 * bar.share
    return pieces
