"""The windows of time, and which buckets enter and leave them from one moment to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: Engagement is kept by buckets of this length, aligned to the hour.
BUCKET = timedelta(minutes=15)
#: window -> its length in hours; the name is what people ask for, the hours are what the tables keep.
WINDOWS: dict[str, int] = {"1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720}
DEFAULT_WINDOW = "24h"


@dataclass(frozen=True)
class Cover:
    """What a window covers at a moment: [start, end) now, and [before, start) as long just before.

    ``end`` is the end of the bucket that has begun, so that what just happened counts; ``start`` is the full
    length before the beginning of that bucket. A window thus holds its length of time and what there is of the
    newest bucket.
    """

    hours: int
    before: datetime
    start: datetime
    end: datetime

    def elapsed_hours(self, as_of: datetime) -> float:
        """Hours that have passed since ``start``."""
        return (as_of - self.start) / timedelta(hours=1)


@dataclass(frozen=True)
class Move:
    """Buckets in [low, high) that a window gains (1) or loses (-1): in its present part, in the one before."""

    hours: int
    low: datetime
    high: datetime
    now: int
    before: int


def floor(moment: datetime) -> datetime:
    """The beginning of the bucket that ``moment`` lies in."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return moment - (moment - epoch) % BUCKET


def covers(as_of: datetime) -> list[Cover]:
    """What each window covers at ``as_of``."""
    low = floor(as_of)
    end = low if low == as_of else low + BUCKET
    return [
        Cover(hours, low - timedelta(hours=2 * hours), low - timedelta(hours=hours), end)
        for hours in WINDOWS.values()
    ]


def horizon(as_of: datetime) -> datetime:
    """The midnight from which on engagement is kept: before it, no window reaches."""
    first = floor(as_of) - timedelta(hours=2 * max(WINDOWS.values()))
    return first.replace(hour=0, minute=0, second=0, microsecond=0)


def moves(was: datetime | None, as_of: datetime) -> list[Move]:
    """What enters and leaves the windows between two moments; everything enters where nothing was (None).

    Its size follows the time that passed, not the length of the windows.
    """
    before = covers(was) if was is not None else [None] * len(WINDOWS)
    found = []
    for old, new in zip(before, covers(as_of), strict=True):
        now = _changes((old.start, old.end) if old else None, (new.start, new.end))
        past = _changes((old.before, old.start) if old else None, (new.before, new.start))
        found += [Move(new.hours, low, high, sign, 0) for low, high, sign in now]
        found += [Move(new.hours, low, high, 0, sign) for low, high, sign in past]
    return found


Span = tuple[datetime, datetime]


def _changes(old: Span | None, new: Span) -> list[tuple[datetime, datetime, int]]:
    """What ``new`` covers and ``old`` does not (1), and the other way about (-1)."""
    if old is None or old[1] <= new[0]:
        spans = [(*new, 1)] if old is None else [(*old, -1), (*new, 1)]
    else:
        spans = [(old[0], new[0], -1), (old[1], new[1], 1)]
    return [(low, high, sign) for low, high, sign in spans if low < high]
