"""The demo's monitor: quiet weeks in which it says nothing, and a wave of newcomers that it tells of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from cli.flow_client import run_flow
from config.errors import AssayError
from config.settings import Settings
from demo.progress import Progress
from models.monitoring.contract import Finding
from storage.monitor import open_findings

#: The sample world drifts from so many days before its end on. The first of it has its outcome a week later.
DRIFT_DAYS, HORIZON_DAYS = 21, 7
#: Ends of weeks before the drift, in days before the end of the world.
QUIET = (DRIFT_DAYS - HORIZON_DAYS + 1, DRIFT_DAYS - HORIZON_DAYS + 8)
_INDENT = "\n     "


def learned_from(as_of: date, months: list[str]) -> str:
    """The last of ``months`` (YYYY-MM) that was over before the drift: what the watched version learns from."""
    drifted = as_of - timedelta(days=DRIFT_DAYS - HORIZON_DAYS)
    return max((month for month in months if month < f"{drifted:%Y-%m}"), default=months[0])


def watch_quiet_weeks(settings: Settings, as_of: date, version: str, progress: Progress) -> int:
    """Let the monitor look at the weeks before the drift; how many findings it has of viral's rows.

    What it sees is kept: the trends of the admin pages begin with these weeks.
    """
    from tasks.monitor_keeping import keep
    from tasks.monitor_plan import plan_monitoring
    from tasks.monitoring import see_family
    from tasks.platform import Platform

    parts = Platform(settings)
    found: list[Finding] = []
    try:
        for back in sorted(QUIET, reverse=True):
            day, at = as_of - timedelta(days=back), datetime.now(UTC)
            progress.say(f"the week that ended on {day}")
            plan = plan_monitoring(["drift", "accuracy"], ["viral"], day, at, version)
            seen = see_family(parts, "viral", plan, {}, at)
            found += seen.findings
            keep(parts, [seen], today=plan.today, at=at, run_id=None, watched=())
    finally:
        parts.close()
    told = "; ".join(one.sentence for one in found)
    progress.done(f"{len(QUIET)} weeks, {len(found)} findings{': ' + told if told else ''}")
    return len(found)


def find_the_drift(settings: Settings, progress: Progress) -> list[str]:
    """Run the monitor as each morning, of viral alone; the sentences of what drifted.

    Raises:
        AssayError: it does not see the drift.
    """
    run_flow(settings, "monitor", {"families": ["viral"]}, on_log=lambda line: progress.say(line.message))
    from storage.database import make_engine

    engine = make_engine(settings)
    try:
        drifted = [one for one in open_findings(engine, "viral") if one.kind == "drift"]
    finally:
        engine.dispose()
    sentences = [one.sentence for one in drifted]
    if not any("creator_followers" in one for one in sentences):
        raise AssayError(
            "The monitor does not see that creators are newcomers now.",
            hint="See /monitoring/viral in the admin pages, and the run `monitor` in Prefect.",
        )
    progress.done(
        f"{len(sentences)} drifts of viral; its live accuracy is in the report. The largest:"
        + "".join(_INDENT + one for one in _largest(sentences))
    )
    return sentences


def _largest(sentences: list[str]) -> list[str]:
    return [
        one for name in ("creator_followers", "video_duration") for one in sentences if one.startswith(name)
    ]
