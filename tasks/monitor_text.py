"""The report of a run of the monitor, as markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.monitoring.contract import Figure, Finding
from storage.monitor import Action
from tasks.alerts import Told
from tasks.monitor_keeping import Kept
from tasks.monitor_plan import Plan
from tasks.monitoring import Seen, worst
from tasks.report_text import table

WRONG = ("warning", "critical")


def monitor_report(
    plan: Plan,
    seen: Sequence[Seen],
    kept: Kept,
    told: Told,
    done: Sequence[Action],
    failures: Sequence[str],
    pages: str,
) -> str:
    """What was found, what changed since the last run, what was done, and the figures.

    Args:
        plan: what was looked at.
        seen: of the platform and of families.
        kept: what changed.
        told: whom it was told.
        done: retrainings that were asked for.
        failures: what could not be looked at, kept or sent.
        pages: address of the admin pages.
    """
    findings = worst([each for one in seen for each in one.findings])
    parts = [
        f"## {headline(findings, failures)}",
        f"Looked at: {', '.join(plan.checks)}; rows up to {plan.day}. {_changed(kept)} {_told(told)}",
        "### Findings",
        _findings(findings, pages) if findings else "None.",
    ]
    if failures:
        parts += ["### Could not be done", "\n".join(f"- {one}" for one in failures)]
    if done:
        lines = [f"- {one.action} of {one.family}: {one.outcome}" for one in done]
        parts += ["### Done about it", "\n".join(lines)]
    if kept.reports:
        links = [
            f"- [{one.family}, {one.day}]({report_link(pages, one.family, str(one.day))})"
            for one in kept.reports
        ]
        parts += ["### Reports", "\n".join(links)]
    skipped = [f"- {one.family}: {why}" for one in seen if one.judged for why in one.judged.skipped]
    if skipped:
        parts += ["### Not judged", "\n".join(skipped)]
    return "\n\n".join([*parts, "### Figures", figures_table(seen)])


def report_link(pages: str, family: str, day: str) -> str:
    """The admin page that shows the report of a family and day."""
    return f"{pages}/monitoring/{family}/reports/{day}"


def headline(findings: Sequence[Finding], failures: Sequence[str]) -> str:
    """All in a few words."""
    wrong = sum(one.severity in WRONG for one in findings)
    found = f"{wrong} {'finding' if wrong == 1 else 'findings'}" if wrong else "Nothing is wrong"
    return found + (f", {len(failures)} could not be looked at" if failures else "")


def monitor_summary(
    plan: Plan, seen: Sequence[Seen], kept: Kept, told: Told, done: Sequence[Action]
) -> dict[str, Any]:
    """Figures of the run."""
    findings = [each for one in seen for each in one.findings]
    return {
        "day": plan.day.isoformat(),
        "checks": list(plan.checks),
        **{
            severity: sum(one.severity == severity for one in findings)
            for severity in ("critical", "warning", "info")
        },
        "new": [one.fingerprint for one in kept.changes.new],
        "risen": [one.fingerprint for one in kept.changes.risen],
        "ended": [one.fingerprint for one in kept.changes.ended],
        "alerted": told.findings,
        "reports": len(kept.reports),
        "retrained": [one.family for one in done if one.done],
    }


def figures_table(seen: Sequence[Seen]) -> str:
    """Every figure of the run."""
    rows = [
        [one.family or "platform", figure.name, f"{figure.value:,.4g}", _interval(figure), figure.rows or ""]
        for one in seen
        for figure in (*one.figures, *one.figures_now)
    ]
    return table(["family", "figure", "value", "interval", "rows"], rows) if rows else "None."


def _interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{figure.low:,.4g} to {figure.high:,.4g}"


def _findings(findings: Sequence[Finding], pages: str) -> str:
    rows = []
    for one in findings:
        link = f"{pages}{one.link}" if (one.link or "").startswith("/") else one.link
        rows.append([one.severity, one.family or "platform", one.sentence, f"[look]({link})" if link else ""])
    return table(["severity", "family", "what is wrong", "where"], rows)


def _changed(kept: Kept) -> str:
    changes = kept.changes
    return f"{len(changes.new)} new, {len(changes.risen)} worse than before, {len(changes.ended)} ended."


def _told(told: Told) -> str:
    if not told.findings:
        return "Nobody was alerted."
    return f"{told.findings} alerted by {' and '.join(told.channels)}."
