"""Retention: what the settings say is too old, first said, then deleted."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.outcomes import Outcomes
from tasks.reports import publish_report
from tasks.retention import applies, delete_by_retention, plan_retention, record_plan
from tasks.retention_text import retention_report, retention_summary
from tasks.runtime import scheduled_at


@flow(name="retention", validate_parameters=True)
async def retention(apply: bool | None = None, expected: str | None = None) -> dict[str, Any]:
    """Say what would be deleted, and delete it where it is asked for.

    Args:
        apply: whether to delete it; empty means as RETENTION_APPLY says.
        expected: digest of the plan that was read; where it would be another by now, nothing is deleted.
    """
    work = plan_retention(scheduled_at())
    publish_report("retention", retention_report(work.plan, None), retention_summary(work.plan, None))
    if not applies(apply):
        record_plan(work)
        return retention_summary(work.plan, None)
    done = delete_by_retention(work, expected)
    summary = retention_summary(work.plan, done)
    publish_report("retention", retention_report(work.plan, done), summary)
    Outcomes([], done["left"]).raise_failures()
    return summary
