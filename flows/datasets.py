"""Monthly dataset versions: what was verified in a month, and everything up to it."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.datasets import build_months
from tasks.periods import families_to_run, month_to_build
from tasks.report_text import datasets_report
from tasks.reports import publish_report
from tasks.runner import parts_runner
from tasks.runtime import build_run_name, scheduled_at


@flow(
    name="build-datasets-monthly",
    flow_run_name=build_run_name,
    validate_parameters=True,
    task_runner=parts_runner(),
)
async def build_datasets_monthly(month: str | None = None, families: list[str] | None = None) -> dict[str, Any]:
    """Publish a month's verified examples, and the full set of everything up to that month.

    Then the candidates that wait are put in a new order: classes with little verified come first.

    Args:
        month: the month to build, as YYYY-MM; empty means the month before this run was scheduled.
        families: which families; empty means all.
    """
    chosen = month_to_build(month, scheduled_at())
    names = families_to_run(families)
    built, ordered = build_months(names, chosen)
    failures = [*built.failures, *ordered.failures]
    summary = {
        "month": chosen,
        "versions": [one["dataset"] for one in built.results],
        "rows": {one["dataset"]: one["rows"] for one in built.results},
        "new_versions": sum(one["new"] for one in built.results),
        "reordered": sum(one["moved"] for one in ordered.results),
        "failed": len(failures),
    }
    publish_report("build-datasets-monthly", datasets_report(built.results, failures), summary)
    built.raise_failures()
    ordered.raise_failures()
    return summary
