"""Retention of rows: what is planned is what goes, to the row; nothing younger, nothing that is needed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from config.errors import (
    DatabaseError,
    DatabaseUnavailable,
    InputError,
    SettingsError,
    StoreError,
    StoreUnavailable,
)
from models.monitoring.contract import Figure, Finding
from storage.database import transaction
from storage.event_months import SCHEMA
from storage.monitor import (
    Report,
    all_series,
    finding_history,
    open_or_touch,
    record_report,
    reports,
    upsert_figures,
)
from storage.retention import DECISIONS, DELIVERIES, EVENTS, MONITOR, PREDICTIONS, SESSIONS
from storage.shadow_answers import insert_shadow_answers
from tasks.platform import Platform
from tasks.retention_looking import look
from tests.retention_world import (
    DAYS,
    NOW,
    ago,
    carry_out,
    collected,
    count,
    counts,
    fill_waste,
    first_of_month,
    interact,
    keeping,
    planned,
    predict,
    publish,
)


def test_without_settings_nothing_but_waste_goes(plain: Platform) -> None:
    predict(plain.engine, "viral", [400])
    interact(plain.engine, [ago(400)])
    publish(plain, "candidates", "2025-10-01")
    fill_waste(plain.engine, DAYS)

    work = look(plain, NOW)

    assert planned(work) == {SESSIONS: 2}
    assert work.plan.held == []


def test_what_is_planned_is_what_goes_and_nothing_younger(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS, deliveries_days=DAYS, decisions_days=DAYS)
    collected(parts, ["viral", "ctr", "face"], [ago(1).date()])
    for family, ages in (("viral", (29.99, 30, 30.01, 45, 80)), ("ctr", (1, 31, 32)), ("face", (29, 50))):
        predict(parts.engine, family, ages)
    fill_waste(parts.engine, DAYS)
    before = counts(parts.engine)

    work = look(parts, NOW)
    untouched = counts(parts.engine)
    done = carry_out(parts, work)

    assert untouched == before
    went = {
        table: before[table] - left for table, left in counts(parts.engine).items() if left != before[table]
    }
    assert went == {
        "predictions": 6, "shadow_answers": 6, "ctr_predictions": 2, "user_styles": 1, "admin_sessions": 1,
        "login_attempts": 1, "webhook_deliveries": 1, "experiment_decisions": 3,
    }  # fmt: skip
    assert done.deleted == {**dict.fromkeys(done.deleted, 0), **planned(work)}
    assert planned(work) == {PREDICTIONS: 15, SESSIONS: 2, DELIVERIES: 1, DECISIONS: 3}
    assert count(parts.engine, "predictions", f"at < '{ago(DAYS).isoformat()}'") == 0
    viral = [line for line in work.plan.of(PREDICTIONS) if line.what == "predictions of viral"]
    assert sum(line.count for line in viral) == 3
    assert min(line.oldest for line in viral if line.oldest) == ago(80)
    assert all(line.bytes for line in viral)
    assert done.complete
    assert planned(look(parts, NOW)) == {}


def test_predictions_wait_for_a_collection_that_has_not_been(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["viral"], [ago(60).date()])
    predict(parts.engine, "viral", (100, 69.5, 68.5, 40))
    predict(parts.engine, "face", (100,))

    work = look(parts, NOW)
    carry_out(parts, work)

    # the next day to collect is 59 days ago, and viral reaches ten days back
    assert count(parts.engine, "predictions", "family = 'viral'") == 2
    assert count(parts.engine, "predictions", "family = 'face'") == 1
    assert [sentence.split(". Run")[0] for sentence in work.plan.held] == [
        f"2 predictions of viral stay: the last day that was collected is {ago(60).date()}",
        "1 predictions of face stay: the family was never collected",
    ]


def test_answers_of_trials_that_belong_to_no_prediction_wait_for_no_collection(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    kept = {"model_version": "1", "family": "sentiment", "answer": {"label": "neutral"}}
    ages = (DAYS + 1, DAYS + 0.5, DAYS - 1)
    insert_shadow_answers(
        parts.engine,
        [kept | {"id": str(uuid4()), "at": ago(age), "received_at": ago(age)} for age in ages],
    )
    carry_out(parts, look(parts, NOW))
    assert count(parts.engine, "shadow_answers") == 1


def test_what_the_monitor_kept_of_old_days_goes_with_its_pages_and_open_findings_stay(plain: Platform) -> None:
    parts = keeping(plain, monitor_days=63)
    for age in (100, 64, 63, 1):
        day = ago(age).date()
        upsert_figures(parts.engine, "viral", day, [Figure("psi", 0.1)], version="1", at=ago(age))
        key = f"monitoring/viral/{day}.html"
        parts.store.put(key, b"a report")
        record_report(parts.engine, Report("viral", day, key, "1", 0, None, ago(age)))
    wrong = [
        Finding("drift", "viral", f"feature {name}", "warning", "It has shifted.") for name in ("a", "b", "c")
    ]
    for number, age in enumerate((100, 70, 10)):  # one ends each time, and the last one is open
        open_or_touch(parts.engine, wrong[number:], ran={("drift", "viral")}, at=ago(age))

    work = look(parts, NOW)
    assert planned(work) == {MONITOR: 2 + 2 + 1}
    assert len(list(parts.store.list("monitoring/"))) == 4
    done = carry_out(parts, work)

    left = [ago(age).date() for age in (63, 1)]
    assert done.deleted[MONITOR] == 5
    assert sorted(info.key for info in parts.store.list("monitoring/")) == [
        f"monitoring/viral/{day}.html" for day in left
    ]
    assert [one.day for one in reports(parts.engine, "viral")] == left[::-1]
    assert [one.day for one in all_series(parts.engine, "viral", date(2000, 1, 1))["psi"]] == left
    assert sorted(one.subject for one in finding_history(parts.engine)) == ["feature b", "feature c"]
    assert planned(look(parts, NOW)) == {}


def test_a_page_that_cannot_be_deleted_keeps_its_row(plain: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, day = keeping(plain, monitor_days=63), ago(90).date()
    record_report(parts.engine, Report("viral", day, "monitoring/viral/x.html", "1", 0, None, ago(90)))

    def away(_key: str) -> None:
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(parts.store, "delete", away)
        with pytest.raises(StoreUnavailable):
            carry_out(parts, look(parts, NOW))
    assert len(reports(parts.engine, "viral")) == 1
    assert carry_out(parts, look(parts, NOW)).deleted[MONITOR] == 1
    assert reports(parts.engine, "viral") == []


def test_a_page_that_must_not_be_deleted_holds_nothing_else_up(
    plain: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, day = keeping(plain, monitor_days=63), ago(90).date()
    for family in ("ctr", "viral"):
        record_report(parts.engine, Report(family, day, f"monitoring/{family}/x.html", "1", 0, None, ago(90)))
    delete = parts.store.delete

    def denied(key: str) -> None:
        if "ctr" in key:
            raise StoreError("access denied")
        delete(key)

    monkeypatch.setattr(parts.store, "delete", denied)
    done = carry_out(parts, look(parts, NOW))
    assert done.deleted[MONITOR] == 1
    assert [sentence.split(":")[0] for sentence in done.left] == [f"The report of ctr of {day}"]
    assert len(reports(parts.engine, "ctr")) == 1


def test_predictions_wait_for_a_day_in_between_that_was_not_collected(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["viral"], [ago(age).date() for age in range(1, 41) if age != 25])
    predict(parts.engine, "viral", (36, 34, 31, 29))

    work = look(parts, NOW)
    carry_out(parts, work)

    assert count(parts.engine, "predictions") == 3
    assert work.plan.held[0].startswith(f"2 predictions of viral stay: {ago(25).date()} was not collected.")


def test_settings_that_would_delete_what_is_needed_are_refused_with_the_least_value(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=5, events_months=1, candidates_days=10)
    predict(parts.engine, "viral", [100])

    with pytest.raises(SettingsError) as refused:
        look(parts, NOW)

    said = str(refused.value)
    assert "RETENTION_PREDICTIONS_DAYS is 5, and must be at least 18: collection of viral" in said
    assert "RETENTION_EVENTS_MONTHS is 1, and must be at least 3: trending" in said
    assert "RETENTION_CANDIDATES_DAYS is 10, and must be at least 62" in said
    assert count(parts.engine, "predictions") == 1


def test_a_plan_that_has_changed_since_it_was_read_is_not_carried_out(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["viral"], [ago(1).date()])
    predict(parts.engine, "viral", [40])
    read = look(parts, NOW).plan.digest
    same = look(parts, NOW + timedelta(hours=5)).plan.digest
    predict(parts.engine, "viral", [41])

    with pytest.raises(InputError, match="What would be deleted has changed"):
        carry_out(parts, look(parts, NOW), expected=read)

    assert same == read
    assert count(parts.engine, "predictions") == 2
    work = look(parts, NOW)
    carry_out(parts, work, expected=work.plan.digest)
    assert count(parts.engine, "predictions") == 0


def days_of(moments: list[datetime]) -> list[Any]:
    return [at.date() for at in moments]


def test_whole_old_months_of_events_are_dropped_and_the_youngest_that_go_are_just_old_enough(
    plain: Platform,
) -> None:
    parts = keeping(plain, events_months=3)
    last_gone, first_kept = first_of_month(3) - timedelta(microseconds=1), first_of_month(3)
    moments = [first_of_month(30), last_gone, first_kept, ago(1)]
    interact(parts.engine, moments)
    collected(parts, ["recommendation"], days_of(moments))

    work = look(parts, NOW)
    done = carry_out(parts, work)

    assert [line.what for line in work.plan.of(EVENTS)] == [
        f"events.m{moment:%Y_%m}" for moment in (first_of_month(30), first_of_month(4))
    ]
    assert done.deleted[EVENTS] == planned(work)[EVENTS] == 2
    with transaction(parts.engine) as connection:
        gone = connection.scalar(text(f"select to_regclass('{SCHEMA}.m{last_gone:%Y_%m}')"))
        left = list(connection.scalars(text("select at from events order by at")))
    assert gone is None
    assert left == [first_kept, ago(1)]
    interact(parts.engine, [last_gone], "late")  # it makes its month anew
    assert count(parts.engine, "events") == 3


def test_a_month_with_a_day_that_was_not_collected_stays(plain: Platform) -> None:
    parts = keeping(plain, events_months=3)
    moments = [first_of_month(5), first_of_month(5) + timedelta(days=9, hours=3), first_of_month(6)]
    interact(parts.engine, moments)
    collected(parts, ["recommendation"], days_of([moments[0], moments[2]]))

    work = look(parts, NOW)
    carry_out(parts, work)

    assert count(parts.engine, "events") == 2
    (sentence,) = work.plan.held
    assert f"1 days they came in on were not collected, the first is {moments[1].date()}" in sentence


def test_a_locked_row_holds_up_its_own_kind_alone(plain: Platform) -> None:
    parts = keeping(plain, predictions_days=DAYS, deliveries_days=DAYS, monitor_days=63)
    collected(parts, ["viral", "face"], [ago(1).date()])
    (held,) = predict(parts.engine, "face", [40])
    predict(parts.engine, "viral", [40, 41])
    fill_waste(parts.engine, DAYS)
    record_report(parts.engine, Report("viral", ago(90).date(), "monitoring/x.html", "1", 0, None, ago(90)))
    work = look(parts, NOW)

    with transaction(parts.engine) as somebody:
        somebody.execute(text("select 1 from user_styles where id = :id for update"), {"id": held})
        done = carry_out(parts, work)

    assert [sentence.split(":")[0] for sentence in done.left] == ["predictions of face"]
    assert "lock timeout" in done.left[0]
    assert "the next run" in done.left[0]
    assert (count(parts.engine, "predictions"), count(parts.engine, "user_styles")) == (1, 1)
    assert done.deleted == {
        **dict.fromkeys(done.deleted, 0),
        PREDICTIONS: 4,
        SESSIONS: 2,
        DELIVERIES: 1,
        MONITOR: 1,
    }
    assert carry_out(parts, look(parts, NOW)).complete
    assert count(parts.engine, "user_styles") == 0


def test_batches_that_went_before_one_that_did_not_are_on_record(
    plain: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["face"], [ago(1).date()])
    _first, last = predict(parts.engine, "face", [41, 40])
    monkeypatch.setattr("storage.retention_rows.BATCH", 1)
    work = look(parts, NOW)

    with transaction(parts.engine) as somebody:
        somebody.execute(text("select 1 from user_styles where id = :id for update"), {"id": last})
        done = carry_out(parts, work)

    assert done.deleted[PREDICTIONS] == 3  # the prediction, its style, and a shadow's answer
    assert len(done.left) == 1


def test_a_month_and_waste_that_cannot_go_hold_nothing_else_up(
    plain: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = keeping(plain, events_months=3)
    interact(parts.engine, [first_of_month(30), first_of_month(20)])
    collected(parts, ["recommendation"], days_of([first_of_month(30), first_of_month(20)]))
    work = look(parts, NOW)

    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("PostgreSQL refused: no.")

    monkeypatch.setattr("tasks.retaining.drop_month", refuse)
    monkeypatch.setattr(parts.datasets, "gc", refuse)
    done = carry_out(parts, work)

    assert [sentence.split(":")[0] for sentence in done.left] == [
        *(month.line.what for month in work.months), "Parts that no manifest names",
    ]  # fmt: skip


def test_a_database_that_goes_away_ends_the_run(plain: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = keeping(plain, predictions_days=DAYS)
    collected(parts, ["viral"], [ago(1).date()])
    predict(parts.engine, "viral", [40])
    work = look(parts, NOW)

    def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("tasks.retaining.delete_old", away)
    with pytest.raises(DatabaseUnavailable):
        carry_out(parts, work)
