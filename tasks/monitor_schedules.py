"""How far apart the runs of each schedule are, and when each deployment last ran well, as Prefect has it."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from itertools import pairwise

from config.settings import Settings
from tasks.flow_client import FlowClient

logger = logging.getLogger(__name__)

#: What Prefect takes in place of five fields.
NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
#: Enough runs of any schedule to see its longest pause.
RUNS = 14


@dataclass(frozen=True)
class Schedule:
    """A deployment: the longest pause between its runs (None: it is paused, or its schedule cannot be read),
    when it last ran well (None: never), and since when it is there.
    """

    interval: dt.timedelta | None
    last_good: dt.datetime | None
    created_at: dt.datetime | None


def read_schedules(settings: Settings, at: dt.datetime) -> dict[str, Schedule]:
    """Every deployment that is not by hand only, by name.

    Raises:
        FlowUnavailable: Prefect does not answer.
    """
    with FlowClient(settings, timeout=5, connect_timeout=2, attempts=2) as client:
        found = {}
        for one in client.deployments():
            if one.cron:
                run = client.last_good_run(one.name)
                pause = None if one.paused else _pause(one.name, one.cron, at)
                found[one.name] = Schedule(pause, run.ended_at if run else None, one.created_at)
    return found


def _pause(name: str, cron: str, at: dt.datetime) -> dt.timedelta | None:
    """As :func:`longest_pause`; None: the line, which somebody gave in Prefect's UI, says nothing to us."""
    from cronsim import CronSimError

    try:
        return longest_pause(cron, at)
    except (CronSimError, StopIteration) as error:
        logger.warning("The schedule of %s, %r, cannot be read: %s", name, cron, error)
        return None


def longest_pause(cron: str, at: dt.datetime) -> dt.timedelta:
    """The longest time between two of the next runs of a cron line (UTC).

    Raises:
        cronsim.CronSimError: it is no cron line.
        StopIteration: it has not so many runs.
    """
    from cronsim import CronSim

    runs = CronSim(NAMED.get(cron.strip().lower(), cron), at)
    times = [next(runs) for _ in range(RUNS)]
    return max(later - earlier for earlier, later in pairwise(times))
