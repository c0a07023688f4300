"""Trending: what is engaged with now, for the recommender, the service and people."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.reports import publish_report
from tasks.runner import parts_runner
from tasks.runtime import now
from tasks.trending import leading, refresh_trends
from tasks.trending_text import trending_report


@flow(name="refresh-trending", validate_parameters=True, task_runner=parts_runner())
async def refresh_trending(rebuild: bool = False) -> dict[str, Any]:
    """Count the events that came since the last run, and publish what trends in each window.

    Args:
        rebuild: count all events anew, instead of what is new.
    """
    summary = refresh_trends(now(), rebuild=rebuild)
    publish_report("refresh-trending", trending_report(summary, leading()), summary)
    return summary
