"""What the monitor measured, found and did, as its flow writes it and the pages read it.

- figures: one number of a family and day (monitor_figures.py)
- findings: what is wrong, from the run that saw it first to the one that saw it no more (monitor_findings.py)
- reports and actions (monitor_reports.py)
"""

from storage.monitor_figures import (
    FigurePoint,
    all_series,
    figure_series,
    last_measured,
    latest_day,
    latest_figures,
    upsert_figures,
)
from storage.monitor_findings import (
    Changes,
    StoredFinding,
    due_alerts,
    finding_history,
    mark_alerted,
    open_findings,
    open_or_touch,
    was_told,
)
from storage.monitor_reports import (
    Action,
    Report,
    actions,
    latest_reports,
    record_action,
    record_report,
    report_of,
    reports,
)

__all__ = [
    "Action",
    "Changes",
    "FigurePoint",
    "Report",
    "StoredFinding",
    "actions",
    "all_series",
    "due_alerts",
    "figure_series",
    "finding_history",
    "last_measured",
    "latest_day",
    "latest_figures",
    "latest_reports",
    "mark_alerted",
    "open_findings",
    "open_or_touch",
    "record_action",
    "record_report",
    "report_of",
    "reports",
    "upsert_figures",
    "was_told",
]
