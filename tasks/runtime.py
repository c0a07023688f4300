"""What a task or flow knows of its own run."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

from tasks.periods import month_to_build


def scheduled_at() -> dt.datetime:
    """The moment that the running flow was scheduled for (now, when it was started by hand)."""
    from prefect.runtime import flow_run

    moment: dt.datetime | None = flow_run.scheduled_start_time
    return dt.datetime.now(dt.UTC) if moment is None else moment.astimezone(dt.UTC)


def run_id() -> str:
    """The running flow's id; a new one outside a flow."""
    from prefect.runtime import flow_run

    return str(flow_run.id or uuid4())


def now() -> dt.datetime:
    """The clock, for records of when something was done."""
    return dt.datetime.now(dt.UTC)


def collect_run_name() -> str:
    """What a collecting run is called: its day or days, also when none was named."""
    from prefect.runtime import flow_run

    given = dict(flow_run.parameters or {})
    first = given.get("date") or scheduled_at().date() - dt.timedelta(days=1)
    last = given.get("until")
    return f"collect {first}" + (f" to {last}" if last else "")


def monitor_run_name() -> str:
    """What a run of the monitor is called: its day, also when none was named."""
    from prefect.runtime import flow_run

    day = dict(flow_run.parameters or {}).get("day")
    return f"monitor {day or scheduled_at().date() - dt.timedelta(days=1)}"


def build_run_name() -> str:
    """What a building run is called: its month, also when none was named."""
    from prefect.runtime import flow_run

    month = dict(flow_run.parameters or {}).get("month")
    return f"build {month or month_to_build(None, scheduled_at())}"
