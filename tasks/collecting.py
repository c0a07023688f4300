"""Collecting many days of many families at once: every part that does not need another one runs beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from models.family import get_family
from storage.sources import late_days
from tasks.collection import publish_candidates, publish_examples, settle_days
from tasks.outcomes import Outcomes, finished, gather
from tasks.periods import day_window
from tasks.platform import platform
from tasks.policy import computed, networked


def collect_days(families: Sequence[str], days: Sequence[dt.date]) -> Outcomes:
    """Collect each of ``days`` for each of ``families``, in the running flow's task runner.

    A day's examples depend on no other day, so each is a part of its own; what follows of them (the index of
    candidates, outcomes beside predictions) is done family by family in the days' order. Families with pictures
    know a photo by the days before, so that a family of these is one part.

    Returns:
        Figures of each day in the order of families and days, days that were collected again among them, and a
        sentence for whatever failed.
    """
    ordered = {
        name: collect_in_order.submit(name, days) for name in families if get_family(name).heavy
    }  # first, since they take longest
    published = {
        name: [publish_examples.submit(name, day) for day in days] for name in families if name not in ordered
    }
    gathered = {name: gather(finished(futures)) for name, futures in published.items()}
    settling = {name: settle_days.submit(name, _days(found)) for name, found in gathered.items()}
    together = Outcomes([], [])
    for name in families:
        if name in ordered:
            found = gather(finished([ordered[name]]))
            parts = [*found.results, Outcomes([], found.failures)]
        else:
            parts = [_settled(gathered[name], gather(finished([settling[name]])))]
        for part in parts:
            together.results.extend(part.results)
            together.failures.extend(part.failures)
    return together


@computed("collect in order")
def collect_in_order(family_name: str, days: Sequence[dt.date]) -> Outcomes:
    """Collect ``days`` one after the other, each with what is known of those before; a day that fails stops no
    other. Earlier days of which something came in on one of them are collected again.
    """
    together = sorted({*days, *find_late_days(family_name, days)})
    return gather(publish_candidates(family_name, day, return_state=True) for day in together)


@networked("find late days")
def find_late_days(family_name: str, days: Sequence[dt.date]) -> list[dt.date]:
    """Days of which something came in on one of ``days``, after they were collected."""
    with platform() as parts:
        found = set()
        for window in map(day_window, days):
            found.update(late_days(parts.engine, family_name, window.start, window.end))
    return sorted(found)


def _days(published: Outcomes) -> list[dt.date]:
    return [dt.date.fromisoformat(one["day"]) for one in published.results]


def _settled(published: Outcomes, settled: Outcomes) -> Outcomes:
    """The figures of the published days with those of settling them."""
    figures: dict[dt.date, dict[str, Any]] = {}
    failures = [*published.failures, *settled.failures]
    for found, failed in settled.results:
        figures |= found
        failures += failed
    nothing: dict[str, Any] = {"indexed": 0, "joined": {}}
    return Outcomes(
        [one | figures.get(dt.date.fromisoformat(one["day"]), nothing) for one in published.results], failures
    )
