"""Figures, findings, reports and actions of the monitor on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseError
from models.monitoring.contract import PLATFORM, Figure, Finding
from storage.database import transaction
from storage.monitor import (
    Action,
    Changes,
    Report,
    actions,
    all_series,
    due_alerts,
    figure_series,
    finding_history,
    latest_day,
    latest_figures,
    latest_reports,
    mark_alerted,
    open_findings,
    open_or_touch,
    record_action,
    record_report,
    report_of,
    reports,
    upsert_figures,
)

AT = datetime(2026, 11, 3, 5, 30, tzinfo=UTC)
DAY = date(2026, 11, 2)
DRIFT = ("drift", "viral")


def found(subject: str = "feature views", **changed: Any) -> Finding:
    given: dict[str, Any] = {
        "check": "drift", "family": "viral", "subject": subject, "severity": "warning",
        "sentence": f"{subject} drifted.", "link": "/monitoring/viral", "figures": {"psi": 0.31},
    } | changed  # fmt: skip
    return Finding(**given)


def run(engine: Engine, *findings: Finding, days: int = 0, ran: Any = (DRIFT,)) -> Changes:
    return open_or_touch(engine, findings, ran=ran, at=AT + timedelta(days=days))


def names(findings: Any) -> list[str]:
    return [one.fingerprint for one in findings]


# -- figures ---------------------------------------------------------------------------------------------------
def store(engine: Engine, *figures: Figure, family: str = "viral", day: date = DAY) -> int:
    return upsert_figures(engine, family, day, figures, version="3", at=AT)


def test_a_figure_measured_again_is_replaced(engine: Engine) -> None:
    store(engine, Figure("accuracy", 0.8, 0.7, 0.9, 400))
    store(engine, Figure("accuracy", 0.82, 0.71, 0.91, 420))
    [point] = figure_series(engine, "viral", "accuracy", DAY)
    assert (point.day, point.value, point.low, point.high, point.rows) == (DAY, 0.82, 0.71, 0.91, 420)
    assert (point.version, point.measured_at) == ("3", AT)


def test_what_is_no_number_is_not_stored(engine: Engine) -> None:
    assert store(engine, Figure("a", float("nan")), Figure("b", 1.0, float("-inf"), 2.0)) == 1
    assert store(engine) == 0
    assert sorted(all_series(engine, "viral", DAY)) == ["b"]
    assert latest_figures(engine, "viral")["b"].low is None


def test_a_series_has_the_days_that_were_asked_for_in_their_order(engine: Engine) -> None:
    for back in (0, 3, 1, 2):
        store(engine, Figure("psi", back / 10), day=DAY - timedelta(days=back))
    store(engine, Figure("psi", 9.0), family="ctr")
    since, until = DAY - timedelta(days=2), DAY - timedelta(days=1)
    assert [point.value for point in figure_series(engine, "viral", "psi", since)] == [0.2, 0.1, 0.0]
    assert [point.value for point in figure_series(engine, "viral", "psi", since, until=until)] == [0.2, 0.1]


def test_the_latest_of_each_figure_may_be_of_different_days(engine: Engine) -> None:
    store(engine, Figure("psi", 0.1), Figure("rows", 7), day=DAY - timedelta(days=1))
    store(engine, Figure("psi", 0.2))
    assert {name: one.value for name, one in latest_figures(engine, "viral").items()} == {"psi": 0.2, "rows": 7}
    before = latest_figures(engine, "viral", day=DAY - timedelta(days=1))
    assert before["psi"].value == 0.1
    assert latest_day(engine, "viral", "psi") == DAY
    assert latest_day(engine, "viral", "none") is None
    assert sorted(all_series(engine, "viral", DAY)) == ["psi"]


# -- findings --------------------------------------------------------------------------------------------------
def test_a_finding_is_open_until_its_check_sees_it_no_more(engine: Engine) -> None:
    assert names(run(engine, found()).new) == ["drift/viral/feature views"]
    again = run(engine, found(sentence="Still drifted."), days=1)
    assert (again.new, again.risen, again.ended) == ((), (), ())
    [one] = again.still
    assert (one.sentence, one.first_seen_at, one.last_seen_at) == ("Still drifted.", AT, AT + timedelta(days=1))
    assert open_findings(engine) == [one]
    [gone] = run(engine, days=2).ended
    assert (gone.id, gone.ended_at) == (one.id, AT + timedelta(days=2))
    assert open_findings(engine) == []
    assert run(engine, days=3) == Changes()


def test_one_that_comes_back_is_a_new_finding(engine: Engine) -> None:
    run(engine, found())
    run(engine)
    [back] = run(engine, found(), days=5).new
    assert [one.id for one in finding_history(engine)] == [back.id, back.id - 1]
    assert finding_history(engine, "ctr") == []


def test_a_run_done_twice_changes_nothing_the_second_time(engine: Engine) -> None:
    run(engine, found(), found("feature likes"))
    first = finding_history(engine)
    assert len(run(engine, found(), found("feature likes")).still) == 2
    assert finding_history(engine) == first


def test_what_was_not_looked_at_stays_open(engine: Engine) -> None:
    other = found("production", check="freshness", family="ctr")
    run(engine, found(), other, ran=[DRIFT, ("freshness", "ctr")])
    assert run(engine, ran=[("accuracy", "viral"), ("drift", "ctr")]).ended == ()
    assert names(run(engine, ran=[("freshness", "ctr")]).ended) == ["freshness/ctr/production"]
    assert names(open_findings(engine)) == ["drift/viral/feature views"]


def test_a_finding_may_rise_and_fall(engine: Engine) -> None:
    run(engine, found())
    assert names(run(engine, found(severity="critical")).risen) == ["drift/viral/feature views"]
    fallen = run(engine, found(severity="warning"))
    assert (fallen.risen, fallen.still[0].severity) == ((), "warning")


def test_of_two_findings_about_one_matter_the_more_severe_counts(engine: Engine) -> None:
    made = run(engine, found(), found(severity="critical"), found(severity="info"))
    assert [one.severity for one in made.new] == ["critical"]


def test_the_worst_comes_first(engine: Engine) -> None:
    run(engine, found("a", severity="info"), found("b", severity="critical"), found("c"))
    run(engine, found("d", check="health", family=PLATFORM), ran=[("health", "")], days=1)
    assert [one.subject for one in open_findings(engine)] == ["b", "d", "c", "a"]
    assert [one.subject for one in open_findings(engine, PLATFORM)] == ["d"]


def test_an_alert_is_due_once_and_again_when_the_finding_rises(engine: Engine) -> None:
    run(engine, found(), found("slight", severity="info"))
    due = due_alerts(engine, "warning")
    assert names(due) == ["drift/viral/feature views"]
    assert names(due_alerts(engine, "critical")) == []
    mark_alerted(engine, due, AT)
    run(engine, found(), days=1)
    assert due_alerts(engine, "warning") == []
    run(engine, found(severity="critical"), days=2)
    [risen] = due_alerts(engine, "warning")
    assert (risen.severity, risen.alerted_severity, risen.alerted_at) == ("critical", "warning", AT)
    mark_alerted(engine, [risen], AT)
    run(engine, found(severity="warning"), days=3)
    run(engine, found(severity="critical"), days=4)
    assert due_alerts(engine, "warning") == []  # people know that it can be so bad


def test_nobody_is_told_of_what_has_ended(engine: Engine) -> None:
    run(engine, found())
    run(engine)
    assert due_alerts(engine, "info") == []


def test_two_runs_at_once_open_a_finding_once(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: run(engine, found(), found("b")), range(16)))
    assert sum(len(one.new) for one in made) == 2
    assert len(finding_history(engine)) == 2


def test_strange_characters_and_numbers_are_kept_as_far_as_can_be(engine: Engine) -> None:
    [one] = run(engine, found("tag \x00x", figures={"psi": float("nan"), "tag\x00": "\ud800"})).new
    assert one.subject == "tag x"
    assert one.figures["psi"] is None


# -- reports and actions ---------------------------------------------------------------------------------------
def report(family: str = "viral", back: int = 0, **changed: Any) -> Report:
    day = DAY - timedelta(days=back)
    given: dict[str, Any] = {
        "family": family, "day": day, "key": f"monitoring/{family}/{day}.html", "version": "3",
        "findings": 1, "run_id": None, "made_at": AT,
    } | changed  # fmt: skip
    return Report(**given)


def test_the_latest_report_of_each_family_is_found(engine: Engine) -> None:
    for one in (report(back=1), report(), report("ctr", back=4), report(findings=3)):
        record_report(engine, one)
    assert latest_reports(engine) == {"viral": report(findings=3), "ctr": report("ctr", back=4)}
    assert reports(engine, "viral") == [report(findings=3), report(back=1)]
    assert report_of(engine, "viral", DAY - timedelta(days=1)) == report(back=1)
    assert report_of(engine, "viral", date(2020, 1, 1)) is None


def act(engine: Engine, **changed: Any) -> Action:
    given: dict[str, Any] = {
        "family": "viral", "action": "retrain", "version": "3", "reason": "views drifted", "done": True,
        "outcome": "started", "figures": {"psi": 0.4}, "run_id": "r1", "at": AT,
    } | changed  # fmt: skip
    return record_action(engine, **given)


def test_actions_are_listed_newest_first_and_cannot_be_changed(engine: Engine) -> None:
    first, second = act(engine), act(engine, action="rollback", family="ctr", done=False)
    assert actions(engine) == [second, first]
    assert actions(engine, "viral") == [first] == actions(engine, action="retrain")
    with pytest.raises(DatabaseError), transaction(engine) as connection:
        connection.execute(text("update monitor_actions set done = false"))
