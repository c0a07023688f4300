"""How figures, times and sizes are written on a page."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any


def number(value: float | None) -> str:
    """``1234567`` -> ``1,234,567``."""
    return "–" if value is None else f"{value:,.0f}"


def figure(value: Any) -> str:
    """A measured value with four significant digits; a dash where there is none."""
    if value is None or not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    if value is None:
        return "–"
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{figure(abs(value))}"


def percent(value: float | None) -> str:
    """``0.1234`` -> ``12.3 %``."""
    return "–" if value is None else f"{100 * value:.1f} %"


def size(value: float | None) -> str:
    """Bytes in the unit that suits."""
    if value is None:
        return "–"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if abs(value) < 1024 or unit == "TB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """``3725`` -> ``1 h 02 min``."""
    if seconds is None:
        return "–"
    minutes, left = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {left:02d} s" if minutes else f"{left} s"
    )


def ago(value: datetime | None, now: datetime) -> str:
    """How long before ``now`` that was, in words."""
    if value is None:
        return "never"
    seconds = (now - value).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return "just now" if seconds < 45 else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    for length, unit in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    count = max(1, round(seconds / 60))
    return f"{count} minute{'' if count == 1 else 's'}"


def when(value: datetime | None) -> str:
    """``2026-11-20 21:30`` in UTC."""
    return "–" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def second(value: datetime) -> str:
    """``2026-11-20 21:30:05`` in UTC, where minutes do not tell moments apart."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(value: datetime | date | None) -> str:
    """For the attribute of a ``<time>``."""
    return "" if value is None else value.isoformat()


def exact(one: Any) -> str:
    """A dataset version's name that never means another one: a name without a revision means the latest."""
    return f"{one.family}/{one.stage}/{one.period}.r{one.revision}"


def series(one: Any) -> str:
    """The name that means the latest revision."""
    return f"{one.family}/{one.stage}/{one.period}"


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number, "figure": figure, "signed": signed, "percent": percent, "size": size,
    "duration": duration, "ago": ago, "when": when, "iso": iso,
    "exact": exact, "series": series,
}  # fmt: skip
