"""The monitor: what is wrong with the platform, the data and the models, kept, told and acted upon."""

from __future__ import annotations

import datetime as dt
from typing import Any

from prefect import flow

from tasks.monitor_plan import plan_monitoring
from tasks.monitor_tasks import act, finish, keep, see_families, see_platform, send_alerts, with_promotions
from tasks.runtime import monitor_run_name, scheduled_at


@flow(name="monitor", flow_run_name=monitor_run_name, validate_parameters=True)
async def monitor(
    checks: list[str] | None = None, families: list[str] | None = None, day: dt.date | None = None
) -> dict[str, Any]:
    """Look at the platform and at each family, keep what was seen, and tell of each finding once.

    Args:
        checks: of health, freshness, stats, drift and accuracy; empty means all.
        families: which families; empty means all, and the platform itself.
        day: the last day (UTC) whose rows count; empty means the day before this run was scheduled. Of an
            earlier day figures and reports are made again; nobody is told and nothing is done.
    """
    plan = plan_monitoring(checks, families, day, scheduled_at())
    of_platform, schedules = see_platform(plan)
    seen, watched = with_promotions(plan, [of_platform, *see_families(plan, schedules)])
    kept = keep(seen, plan, watched)
    told = send_alerts(plan)
    done = act(seen, plan)
    return finish(plan, seen, kept, told, done)
