"""How far along an admin is: what is left under the filter, what they did today, and when it will be done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from storage.candidates import Counts, Filter, counts, pace

HOUR = timedelta(hours=1)
#: Somebody who has just begun is measured by these last minutes.
RECENT = timedelta(minutes=15)


def progress(engine: Engine, chosen: Filter, *, by: str, at: datetime) -> tuple[dict[str, Any], Counts]:
    """The figures of progress, JSON-ready, and the counts that the filters show.

    ``left`` rows of ``total`` wait under the filter, and ``states`` has how many there are in each state;
    ``today`` and ``hour`` are this admin's decisions since midnight and in the last hour, ``rate`` how many
    an hour this admin decides, and ``minutes`` how long the rest takes at that rate (None without one).
    """
    found = counts(engine, chosen)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    today, hour, recent = (
        pace(engine, chosen.family, by=by, since=since) for since in (midnight, at - HOUR, at - RECENT)
    )
    left = left_of(found, chosen.state)
    rate = max(hour, recent * int(HOUR / RECENT))
    figures = {
        "left": left,
        "states": dict(found.by_state),
        "total": sum(found.by_state.values()),
        "today": today,
        "hour": hour,
        "rate": rate,
        "minutes": round(60 * left / rate, 1) if rate else None,
    }
    return figures, found


def left_of(found: Counts, state: str) -> int:
    """How many rows are still to be decided where the list is filtered by ``state``."""
    return found.by_state.get("waiting" if state == "any" else state, 0)
