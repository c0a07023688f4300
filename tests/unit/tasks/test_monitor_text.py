"""What a run of the monitor reports, and which findings call for a retraining."""

from __future__ import annotations

import datetime as dt

import pytest

from config.settings import load_settings
from models.monitoring.contract import Check, FamilyDay, Figure, Finding
from storage.monitor import Changes, Report
from tasks.alerts import Told
from tasks.monitor_actions import reasons_to_retrain
from tasks.monitor_keeping import Kept, address
from tasks.monitor_plan import plan_monitoring
from tasks.monitor_text import headline, monitor_report, monitor_summary
from tasks.monitoring import Seen, worst

AT = dt.datetime(2026, 11, 3, 5, 30, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 2)
PAGES = "https://assay.example.org"
DRIFT = Finding(
    "drift", "viral", "feature views", "warning", "Views | likes have shifted.", "/monitoring/viral"
)
AWAY = Finding("health", "", "MLflow", "critical", "MLflow does not answer.", "http://mlflow:5000")
SLIGHT = Finding("freshness", "viral", "model", "info", "The model is old.")


def report(seen: list[Seen], failures: tuple[str, ...] = ()) -> str:
    kept = Kept(Changes(), (Report("viral", DAY, "k", "3", 1, None, AT),), ())
    plan = plan_monitoring(None, None, None, AT)
    return monitor_report(plan, seen, kept, Told(1, ("slack",)), [], failures, PAGES)


def test_the_worst_is_said_first_with_links_that_can_be_opened() -> None:
    judged = FamilyDay("viral", "3", "viral/full/2026-10", skipped=("Too few rows.",))
    figures = (Figure("accuracy", 0.81, 0.78, 0.84, 400),)
    text = report(
        [
            Seen("viral", DAY, findings=(SLIGHT, DRIFT), figures=figures, judged=judged),
            Seen("", AT.date(), findings=(AWAY,)),
        ]
    )
    assert text.startswith("## 2 findings\n")
    assert text.index("MLflow does not answer") < text.index("have shifted") < text.index("The model is old")
    assert f"[look]({PAGES}/monitoring/viral)" in text
    assert "[look](http://mlflow:5000)" in text
    assert f"[viral, 2026-11-02]({PAGES}/monitoring/viral/reports/2026-11-02)" in text
    assert "| viral | accuracy | 0.81 | 0.78 to 0.84 | 400 |" in text
    assert "1 alerted by slack." in text
    assert "- viral: Too few rows." in text


def test_a_quiet_day_says_that_nothing_is_wrong_and_what_could_not_be_seen() -> None:
    assert report([Seen("", AT.date(), findings=(SLIGHT,))]).startswith("## Nothing is wrong\n")
    text = report([Seen("", AT.date())], failures=("ctr: MLflow is away.",))
    assert text.startswith("## Nothing is wrong, 1 could not be looked at")
    assert "- ctr: MLflow is away." in text
    assert headline([DRIFT], []) == "1 finding"


def test_the_summary_counts_by_severity() -> None:
    plan = plan_monitoring(None, None, None, AT)
    seen = [Seen("viral", DAY, findings=(DRIFT, SLIGHT)), Seen("", AT.date(), findings=(AWAY,))]
    summary = monitor_summary(plan, seen, Kept(Changes(), (), ()), Told(), [])
    assert (summary["critical"], summary["warning"], summary["info"], summary["alerted"]) == (1, 1, 1, 0)
    assert [one.severity for one in worst([SLIGHT, DRIFT, AWAY])] == ["critical", "warning", "info"]


def test_a_path_is_one_of_the_admin_pages() -> None:
    assert address(PAGES, DRIFT) == f"{PAGES}/monitoring/viral"
    assert address(PAGES, AWAY) == "http://mlflow:5000"
    assert address(PAGES, SLIGHT) is None


def test_a_retraining_is_asked_for_by_what_the_settings_name() -> None:
    lost = Finding("accuracy", "viral", "live accuracy", "critical", "It errs more.")
    found = [DRIFT, lost, SLIGHT, Finding("drift", "viral", "feature a", "info", "A little.")]
    assert reasons_to_retrain(load_settings(), found) == []
    assert reasons_to_retrain(load_settings(retrain_on_drift=True), found) == [DRIFT]
    assert reasons_to_retrain(load_settings(retrain_on_lost_accuracy=True), found) == [lost]


@pytest.mark.parametrize(
    "subject",
    ["promotion of version 3", "rollback of version 3", "canary of version 4", "shadow of version 4", "skew"],
)
def test_what_no_retraining_mends_asks_for_none(subject: str) -> None:
    settings = load_settings(retrain_on_drift=True, retrain_on_lost_accuracy=True)
    check: Check = "drift" if subject == "skew" else "accuracy"
    assert reasons_to_retrain(settings, [Finding(check, "viral", subject, "critical", "It errs.")]) == []
