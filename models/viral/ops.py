# ruff: noqa: D102  (what each operation does stands once, in ``Ops``)
"""Arithmetic with missing values, once for arrays and once for single numbers.

A feature's formula is written once (``features.py``) against these operations. Both sides give bit for bit
the same result: they use IEEE arithmetic in the same order, and what is missing is NaN.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any, Protocol

import numpy as np

NAN = float("nan")


class Ops(Protocol):
    """The operations; a value is an array of float64 or a float, NaN where missing."""

    def ratio(self, part: Any, whole: Any) -> Any:
        """``part / whole``; missing where either is, or where the whole is not positive."""

    def total(self, *parts: Any) -> Any:
        """Sum of the parts that are known; missing where none is."""

    def positive(self, value: Any) -> Any:
        """``max(value, 0)``."""

    def floor(self, value: Any) -> Any:
        """The whole number below."""

    def between(self, value: Any, low: float, high: float) -> Any:
        """1 where ``low <= value < high``, 0 elsewhere."""

    def above(self, value: Any, limit: Any) -> Any:
        """1 where ``value > limit``, 0 elsewhere; missing where either is."""

    def bucket(self, value: Any, edges: tuple[float, ...]) -> Any:
        """How many of the rising ``edges`` are at or below the value."""


class ArrayOps:
    """The operations on arrays (n,)."""

    def ratio(self, part: Any, whole: Any) -> Any:
        return np.divide(part, whole, out=np.full(whole.shape, NAN), where=whole > 0)

    def total(self, *parts: Any) -> Any:
        sums = np.zeros(parts[0].shape)
        known = np.zeros(parts[0].shape, dtype=bool)
        for part in parts:
            present = part == part
            np.add(sums, part, out=sums, where=present)
            known |= present
        sums[~known] = NAN
        return sums

    def positive(self, value: Any) -> Any:
        return np.where(value < 0.0, 0.0, value)

    def floor(self, value: Any) -> Any:
        return np.floor(value)

    def between(self, value: Any, low: float, high: float) -> Any:
        inside = ((value >= low) & (value < high)).astype(np.float64)
        inside[value != value] = NAN
        return inside

    def above(self, value: Any, limit: Any) -> Any:
        over = (value > limit).astype(np.float64)
        over[(value != value) | (limit != limit)] = NAN
        return over

    def bucket(self, value: Any, edges: tuple[float, ...]) -> Any:
        found = np.searchsorted(np.asarray(edges), value, side="right").astype(np.float64)
        found[value != value] = NAN
        return found


class ScalarOps:
    """The operations on single floats."""

    def ratio(self, part: float, whole: float) -> float:
        return part / whole if whole > 0 else NAN

    def total(self, *parts: float) -> float:
        result, known = 0.0, False
        for part in parts:  # not the built-in sum, which compensates rounding since Python 3.12
            if part == part:
                result, known = result + part, True
        return result if known else NAN

    def positive(self, value: float) -> float:
        return 0.0 if value < 0.0 else value

    def floor(self, value: float) -> float:
        return float(math.floor(value)) if value == value else NAN

    def between(self, value: float, low: float, high: float) -> float:
        return float(low <= value < high) if value == value else NAN

    def above(self, value: float, limit: float) -> float:
        return float(value > limit) if value == value and limit == limit else NAN

    def bucket(self, value: float, edges: tuple[float, ...]) -> float:
        return float(bisect_right(edges, value)) if value == value else NAN
