"""`assay monitor`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import NOT_WELL, out, print_json, print_table, progress, say

if TYPE_CHECKING:
    from tasks.monitor_keeping import Kept
    from tasks.monitor_plan import Plan
    from tasks.monitoring import Seen
    from tasks.platform import Platform


def monitor(
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="Only health, freshness, stats, drift or accuracy. May be repeated."),
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", help="Only this family. May be repeated.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="Last day (UTC) whose rows count. Unset: yesterday."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", help="Judge this version, as if it were in production. Nothing is kept."),
    ] = None,
    keep: Annotated[bool, typer.Option(help="Keep figures, findings and reports.")] = True,
    run: Annotated[
        bool, typer.Option("--run", help="Start the flow in Prefect and follow it: it also alerts and acts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at services, stores, queues and disk, at the freshness of data and models, drift and live accuracy.

    It looks by itself, also while Prefect is away; what it finds is kept for the admin pages, and the next run
    of the flow tells people of it. Exit code 1 when something is wrong.
    """
    if run and version is not None:
        from config.errors import InputError

        raise InputError("The flow judges what is in production.", hint="Leave out --run, or --version.")
    if run:
        raise typer.Exit(_run_flow(check, family, day.date() if day else None, as_json=as_json))
    from config.settings import load_settings
    from tasks.monitor_plan import plan_monitoring
    from tasks.platform import Platform
    from tasks.runtime import now

    at = now()
    plan = plan_monitoring(check, family, day.date() if day else None, at, version)
    parts = Platform(load_settings())
    try:
        seen = _look(parts, plan, at)
        # what is wrong with a version that serves nobody is no finding
        kept, failures = _keep(parts, seen, plan, at) if keep and version is None else (None, [])
    finally:
        parts.close()
    failures = [*(one.failure for one in seen if one.failure), *failures]
    _show(plan, seen, kept, failures, parts.settings.admin_ui_url, as_json=as_json)
    if failures or any(each.severity != "info" for one in seen for each in one.findings):
        raise typer.Exit(NOT_WELL)


def _look(parts: Platform, plan: Plan, at: datetime) -> list[Seen]:
    from tasks import monitoring

    with progress("Looking at the platform ...") as show:
        platform, schedules = monitoring.see_platform(parts.settings, plan, at)
        seen = [platform]
        for name in plan.families if set(plan.checks) - {"health"} else ():
            show(f"Looking at {name} ...")
            seen.append(monitoring.see_family(parts, name, plan, schedules, at))
    return seen


def _keep(parts: Platform, seen: Sequence[Seen], plan: Plan, at: datetime) -> tuple[Kept | None, list[str]]:
    """What was kept, and a sentence for each thing that was not: a look is worth its answer all the same."""
    from config.errors import AssayError
    from tasks import monitor_keeping

    try:
        kept = monitor_keeping.keep(parts, seen, today=plan.today, at=at, run_id=None, watched=())
    except AssayError as error:
        return None, [f"Nothing is kept: {error.message}"]
    return kept, list(kept.failures)


def _show(
    plan: Plan, seen: Sequence[Seen], kept: Kept | None, failures: Sequence[str], pages: str, *, as_json: bool
) -> None:
    from tasks.monitoring import worst

    findings = worst([each for one in seen for each in one.findings])
    if as_json:
        print_json(_document(plan, seen, kept, failures, pages))
        return
    figures = [
        {"family": one.family or "platform", "figure": figure.name, "value": figure.value, "low": figure.low,
         "high": figure.high, "rows": figure.rows}
        for one in seen
        for figure in (*one.figures, *one.figures_now)
    ]  # fmt: skip
    if figures:
        print_table(figures, ["family", "figure", "value", "low", "high", "rows"], drop_when_narrow=["rows"])
    if findings:
        rows = [
            {"severity": one.severity, "family": one.family or "platform", "what is wrong": one.sentence}
            for one in findings
        ]
        print_table(rows, ["severity", "family", "what is wrong"])
    for one in seen:
        for why in one.judged.skipped if one.judged else ():
            say(f"{one.family}: {why}")
    for failure in failures:
        say(failure)
    wrong = sum(one.severity != "info" for one in findings)
    well = "Not all could be looked at." if failures else "Nothing is wrong."
    out().print(f"{wrong} {'finding' if wrong == 1 else 'findings'}." if wrong else well)


def _document(
    plan: Plan, seen: Sequence[Seen], kept: Kept | None, failures: Sequence[str], pages: str
) -> dict[str, Any]:
    from tasks.monitor_keeping import address
    from tasks.monitoring import worst

    findings = worst([each for one in seen for each in one.findings])
    return {
        "day": plan.day,
        "checks": plan.checks,
        "findings": [
            {
                "fingerprint": one.fingerprint,
                "check": one.check,
                "family": one.family or None,
                "subject": one.subject,
                "severity": one.severity,
                "sentence": one.sentence,
                "link": address(pages, one),
                "figures": one.figures,
            }
            for one in findings
        ],
        "figures": {
            one.family or "platform": {
                figure.name: {
                    "value": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "rows": figure.rows,
                }
                for figure in (*one.figures, *one.figures_now)
            }
            for one in seen
        },
        "versions": {one.family: one.version for one in seen if one.judged},
        "skipped": {one.family: one.judged.skipped for one in seen if one.judged and one.judged.skipped},
        "failures": failures,
        "new": [one.fingerprint for one in kept.changes.new] if kept else None,
        "ended": [one.fingerprint for one in kept.changes.ended] if kept else None,
        "reports": [f"{pages}/monitoring/{one.family}/reports/{one.day}" for one in kept.reports]
        if kept
        else [],
    }


def _run_flow(checks: list[str] | None, families: list[str] | None, day: date | None, *, as_json: bool) -> int:
    from cli.following import run_and_report
    from config.settings import load_settings

    given = {"checks": checks, "families": families, "day": day}
    parameters = {name: value for name, value in given.items() if value}
    wrong = ("critical", "warning")
    return run_and_report(
        load_settings(),
        "monitor",
        parameters,
        wait=True,
        as_json=as_json,
        well=lambda summary: not any(summary.get(severity) for severity in wrong),
    )
