"""Collecting: each family's examples whose outcome became known on a day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from prefect import flow

from tasks.collecting import collect_days
from tasks.periods import days_to_collect, families_to_run
from tasks.report_text import collection_report
from tasks.reports import publish_report
from tasks.runner import parts_runner
from tasks.runtime import collect_run_name, scheduled_at


@flow(
    name="collect-daily",
    flow_run_name=collect_run_name,
    validate_parameters=True,
    task_runner=parts_runner(),
)
async def collect_daily(
    date: dt.date | None = None, until: dt.date | None = None, families: list[str] | None = None
) -> dict[str, Any]:
    """Publish the examples that matured on a day as candidates for verification.

    Earlier days to which something was added on that day, since it had waited on a service's disk, are
    collected again with it.

    Args:
        date: the day (UTC) to collect; empty means the day before this run was scheduled.
        until: the last day of a range that begins with `date`, for a back-fill in one run.
        families: which families; empty means all.
    """
    days = days_to_collect(date, until, scheduled_at())
    collected = collect_days(families_to_run(families), days)
    summary = {
        "days": len(days),
        "first": days[0].isoformat(),
        "last": days[-1].isoformat(),
        "examples": sum(day["examples"] for day in collected.results),
        "new_versions": sum(day["new"] for day in collected.results),
        "failed": len(collected.failures),
    }
    publish_report("collect-daily", collection_report(collected.results, collected.failures), summary)
    collected.raise_failures()
    return summary
