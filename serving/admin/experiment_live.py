"""The figures of an experiment for pages that are looked at by several people at once, every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock

from starlette.requests import Request

from models.experiments.definition import parse_definition
from serving.admin.experiment_view import LiveView, live_view
from serving.experiments.desk import ExperimentDesk
from storage.experiments import ExperimentRecord

#: A page asks again after so many seconds, and later where figures take long: they cost a tenth of the time.
LEAST_SECONDS, PATIENCE = 3.0, 10
#: Figures of this age are new enough for the next one who asks.
FRESH_SECONDS = 1.5
_KEPT = 64


@dataclass(frozen=True)
class Figures:
    """A view, when it was made (monotonic), and after how many seconds to ask again (0: never)."""

    view: LiveView
    revision: int
    made: float
    every: float


class FigureCache:
    """The latest figures of each experiment, for a moment. Nobody computes what somebody else just did."""

    def __init__(self) -> None:
        self._figures: dict[str, Figures] = {}
        self._lock = Lock()

    def get(self, desk: ExperimentDesk, one: ExperimentRecord) -> Figures:
        """The figures of ``one``, of its present revision."""
        with self._lock:
            found = self._figures.get(one.id)
        fresh = max(FRESH_SECONDS, found.every / 2) if found else 0.0
        if found and found.revision == one.revision and time.monotonic() - found.made < fresh:
            return found
        made = _compute(desk, one)
        with self._lock:
            self._figures[one.id] = made
            while len(self._figures) > _KEPT:
                self._figures.pop(next(iter(self._figures)))
        return made


def figures_of(request: Request, desk: ExperimentDesk, one: ExperimentRecord) -> Figures:
    """The figures of an experiment that has started."""
    cache: FigureCache = request.app.state.experiment_figures
    return cache.get(desk, one)


def _compute(desk: ExperimentDesk, one: ExperimentRecord) -> Figures:
    started = time.monotonic()
    stats = desk.stats(one.id)
    view = live_view(parse_definition(one.definition), stats, desk.timeline(one.id))
    now = time.monotonic()
    final = one.state == "concluded" and not stats["pending"]
    every = 0.0 if final else max(LEAST_SECONDS, PATIENCE * (now - started))
    return Figures(view, one.revision, now, round(every, 1))
