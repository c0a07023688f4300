"""Rows that services lost or set aside: how many more than were known, as they count since their own start.

Each replica counts for itself, so that its count is compared with its own of before, never with another's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from config.settings import Settings
from models.monitoring.contract import PLATFORM, Figure, Finding, Severity
from storage.database import make_engine
from storage.monitor import FigurePoint, latest_figures
from tasks.monitor_looked import Looked, platform_finding

LOST, SET_ASIDE = "rows lost", "rows set aside"
#: The figure that says that it was looked.
NEWLY = "rows lost or set aside, newly"
_OF = " by "
_SAID: dict[str, tuple[Severity, str]] = {
    LOST: ("critical", "were lost: the queue was full, or the disk failed"),
    SET_ASIDE: ("warning", "were set aside as unreadable"),
}


def look_at_losses(settings: Settings, figures: Iterable[Figure], at: dt.datetime) -> Looked:
    """What grew among ``figures`` since before yesterday (a look in between hides nothing from others), and
    how many rows that are.

    Raises:
        DatabaseUnavailable: what was known cannot be read.
    """
    engine = make_engine(settings, pool_size=1, connect_seconds=2)
    try:
        before = latest_figures(engine, PLATFORM, day=at.date() - dt.timedelta(days=2))
    finally:
        engine.dispose()
    found = losses(figures, before)
    return Looked((Figure(NEWLY, sum(one.figures["rows"] for one in found)),), tuple(found))


def losses(figures: Iterable[Figure], before: Mapping[str, FigurePoint]) -> list[Finding]:
    """A finding for each count that is larger than ``before``; a smaller one began anew with its service."""
    counts: dict[str, list[Figure]] = {}
    for one in figures:
        counts.setdefault(one.name.partition(_OF)[0], []).append(one)
    findings = []
    for name, found in counts.items():
        queue, _, what = name.rpartition(": ")
        # the sum is of whichever replicas were reached: it is compared only where none tells its name
        own = [one for one in found if one.name != name] or found
        grown = [(more, since) for one in own if (more := _more(one, since := before.get(one.name)))]
        if what not in _SAID or not grown:
            continue
        severity, said = _SAID[what]
        days = [since.day for _, since in grown if since]
        begun = f"{min(days)}" if len(days) == len(grown) else "the service started"
        rows = sum(more for more, _ in grown)
        sentence = f"{rows:,.0f} rows of the {queue} {said}, since {begun}."
        findings.append(platform_finding(name, severity, sentence, {"rows": rows}))
    return findings


def of_replica(name: str, replica: str) -> str:
    """What the count ``name`` is called as one replica's."""
    return f"{name}{_OF}{replica}"


def _more(one: Figure, known: FigurePoint | None) -> float:
    return one.value - known.value if known and known.value <= one.value else one.value
