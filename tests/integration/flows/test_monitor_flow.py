"""The monitor as a flow on real servers: what it leaves, whom it tells and how often, and what it does."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlalchemy import text as sql

import deploy_flows
from config.errors import FlowError
from config.settings import Settings
from models.monitoring.contract import Finding
from storage.database import transaction
from storage.monitor import actions, finding_history, open_findings, report_of
from tasks.alert_automations import FAILED_RUNS, _core, _earlier_triggers, _meant, deploy_alerts
from tasks.flow_client import FlowClient
from tasks.monitor_actions import act
from tasks.monitoring import Seen
from tasks.platform import Platform
from tests import monitor_world as world
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.monitor_world import DAY, LAST, LEARNED
from tests.receivers import Web, web_server

pytestmark = [PREFECT_SOCKETS, pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")]
TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = TODAY - DAY
#: The world's last day is yesterday.
SHIFT = (YESTERDAY - LAST).days


@pytest.fixture
def hook() -> Iterator[Web]:
    with web_server() as made:
        yield made


@pytest.fixture
def parts(flow_settings: Settings, hook: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The platform as the flow has it, with a webhook that takes its alerts."""
    from config.settings import load_settings

    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"{hook.url}/hook")
    monkeypatch.setenv("MONITOR_MIN_ROWS", "40")
    made = Platform(load_settings())
    yield made
    made.close()


def monitor(**parameters: Any) -> dict[str, Any]:
    from flows.monitor import monitor as flow

    given: dict[str, Any] = {"checks": ["stats", "drift", "accuracy"], "families": ["viral"]} | parameters
    run: Any = flow(**given)
    return dict(asyncio.run(run))


def subjects(hook: Web) -> list[str]:
    return [body["subject"] for _, body in hook.asked]


def wait_for(hook: Web, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(hook.asked) < count and time.monotonic() < deadline:
        time.sleep(0.5)


def test_a_drift_is_told_once_over_three_runs_and_ends_when_it_is_gone(
    parts: Platform, hook: Web, report: Report
) -> None:
    world.publish(parts, shift=SHIFT, change=world.many_followers, since=LAST - 5 * DAY)
    world.promote(parts, at=dt.datetime.combine(LEARNED + (SHIFT + 1) * DAY, dt.time(4), dt.UTC), shift=SHIFT)

    runs = [monitor() for _ in range(3)]

    name = "drift/viral/feature creator_followers"
    assert [one["new"] for one in runs] == [[name], [], []]
    assert [one["alerted"] for one in runs] == [1, 0, 0]
    assert runs[0]["day"] == YESTERDAY.isoformat()
    assert (runs[2]["warning"], runs[2]["critical"]) == (1, 0)
    assert subjects(hook) == ["Assay, warning: viral, feature creator_followers"]
    stored = report_of(parts.engine, "viral", YESTERDAY)
    assert stored is not None
    assert stored.run_id
    assert parts.store.exists(stored.key)
    text = report("monitor")
    assert "## 1 finding" in text
    assert f"{parts.settings.admin_ui_url}/monitoring/viral/reports/{YESTERDAY}" in text
    assert "| viral | drift of creator_followers |" in text

    world.publish(parts, shift=SHIFT)
    assert monitor()["ended"] == []  # a day without it may be chance
    with transaction(parts.engine) as connection:
        connection.execute(sql("update monitor_findings set last_seen_at = last_seen_at - interval '2 days'"))
    assert monitor()["ended"] == [name]
    assert open_findings(parts.engine) == []

    world.publish(parts, shift=SHIFT, change=world.many_followers, since=LAST - 11 * DAY)
    past = monitor(day=YESTERDAY - 7 * DAY)
    assert (past["warning"], past["alerted"], past["new"]) == (1, 0, [])
    assert len(hook.asked) == len(finding_history(parts.engine)) == 1


def test_everything_is_looked_at_and_what_is_away_is_a_finding_and_no_failure(
    parts: Platform, hook: Web, report: Report
) -> None:
    hook.status = 503

    with pytest.raises(FlowError, match="Alerts by webhook failed: it answered 503"):
        monitor(checks=None, families=None)

    assert all(one.link for one in open_findings(parts.engine)), "a finding says where to look"
    wrong = {one.subject for one in open_findings(parts.engine, "")}
    assert {"service viral", "service gateway"} <= wrong
    assert not {"PostgreSQL", "MLflow", "Prefect", "object store"} & wrong
    text = report("monitor")
    assert "The viral service at" in text
    assert "| platform | database: connections |" in text
    assert "Could not be done" in text


def test_a_family_that_fails_is_named_and_the_rest_goes_on(
    parts: Platform, hook: Web, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import monitoring

    real = monitoring.see_family

    def broken(parts: Platform, family: str, *more: Any) -> Seen:
        if family == "ctr":
            raise ZeroDivisionError("by zero")
        return real(parts, family, *more)

    monkeypatch.setattr(monitoring, "see_family", broken)
    with pytest.raises(FlowError, match=r"1 parts failed: ctr: .*by zero"):
        monitor(checks=["stats"], families=["ctr", "viral"])
    assert "| viral | predictions |" in report("monitor")


# -- what Prefect tells by itself ------------------------------------------------------------------------------
@pytest.fixture
def clean(prefect_client: SyncPrefectClient) -> Iterator[SyncPrefectClient]:
    yield prefect_client
    for one in prefect_client.read_automations_by_name(FAILED_RUNS):
        prefect_client.delete_automation(one.id)


def test_a_run_that_fails_is_told_by_an_automation_that_people_may_change(
    parts: Platform, hook: Web, clean: SyncPrefectClient
) -> None:
    from prefect.client.schemas.objects import State, StateType

    tag = f"tag-{uuid4()}"
    assert deploy_alerts(clean, parts.settings, tag) == {FAILED_RUNS: "created"}
    assert deploy_alerts(clean, parts.settings, tag) == {FAILED_RUNS: "unchanged"}
    [today] = clean.read_automations_by_name(FAILED_RUNS)
    before: Any = today.model_copy(update={"trigger": _earlier_triggers(tag)[0]})
    clean.update_automation(today.id, _core(before))
    assert deploy_alerts(clean, parts.settings, tag) == {FAILED_RUNS: "updated"}
    [made] = clean.read_automations_by_name(FAILED_RUNS)
    assert (made.id, _meant(made.trigger)) == (today.id, _meant(today.trigger))

    flow = clean.create_flow_from_name(f"flow-{uuid4()}")
    deployment = clean.create_deployment(flow, f"deployment-{uuid4()}", tags=[tag])
    second = clean.create_deployment(flow, f"deployment-{uuid4()}", tags=[tag])
    other = clean.create_deployment(flow, f"deployment-{uuid4()}")
    time.sleep(2)  # the server takes a moment to learn of an automation

    def failed(deployment: Any) -> str:
        run = clean.create_flow_run_from_deployment(deployment)
        clean.set_flow_run_state(run.id, State(type=StateType.RUNNING), force=True)
        clean.set_flow_run_state(run.id, State(type=StateType.FAILED, message="no space left"), force=True)
        return f"Assay: {run.name} failed"

    failed(other)
    first = failed(deployment)
    wait_for(hook, 1)
    failed(deployment)
    failed(deployment)
    last = failed(second)  # of another deployment there was no alert yet
    wait_for(hook, 2)
    time.sleep(2)
    assert subjects(hook) == [first, last]
    assert "no space left" in hook.asked[0][1]["text"]

    person: Any = made.trigger.model_copy(update={"within": dt.timedelta(hours=1)})
    clean.update_automation(made.id, _core(made.model_copy(update={"trigger": person})))
    clean.pause_automation(made.id)
    mail = {
        "alert_email_to": "ops@example.org", "alert_email_from": "a@example.org",
        "alert_smtp_host": "127.0.0.1",
    }  # fmt: skip
    more = parts.settings.model_copy(update=mail)
    assert deploy_alerts(clean, more, tag) == {FAILED_RUNS: "updated"}
    [changed] = clean.read_automations_by_name(FAILED_RUNS)
    assert (changed.id, changed.enabled, len(changed.actions)) == (made.id, False, 2)
    assert _meant(changed.trigger) == _meant(person)

    none = parts.settings.model_copy(update={"alert_webhook_url": None})
    assert deploy_alerts(clean, none, tag) == {FAILED_RUNS: "removed"}
    assert deploy_alerts(clean, none, tag) == {}


# -- what it does ----------------------------------------------------------------------------------------------
DRIFTED = Finding("drift", "viral", "feature views", "warning", "Views have shifted.", figures={"psi": 0.4})


@pytest.fixture
def deployed(parts: Platform, prefect_client: SyncPrefectClient) -> Platform:
    """A platform whose flows are deployed, with a family whose running month has new rows."""
    for deployment in prefect_client.read_deployments():
        prefect_client.delete_deployment(deployment.id)
    deploy_flows.deploy(parts.settings.model_copy(update={"alert_webhook_url": None}))
    world.publish(parts, shift=SHIFT)
    return parts


def test_a_drift_starts_one_retraining_where_the_settings_say_so(deployed: Platform) -> None:
    at = dt.datetime.now(dt.UTC)
    seen = [Seen("viral", YESTERDAY, findings=(DRIFTED,), version="1")]

    assert act(deployed, seen, at=at, run_id="r1") == []  # the setting is off

    deployed.settings = deployed.settings.model_copy(update={"retrain_on_drift": True})
    mild = Finding("drift", "viral", "feature views", "info", "Views have shifted a little.")
    lost = Finding("accuracy", "viral", "live accuracy", "critical", "It errs more.")
    assert act(deployed, [Seen("viral", YESTERDAY, findings=(mild, lost))], at=at, run_id="r1") == []

    [first] = act(deployed, seen, at=at, run_id="r1")
    assert (first.done, first.action, first.reason) == (True, "retrain", "drift: feature views")
    with FlowClient(deployed.settings) as client:
        [run] = client.running("retrain-viral")
    newest = deployed.datasets.find("viral/full")
    assert run.parameters["dataset"] == newest.name
    assert newest.period == f"{at:%Y-%m}"

    [second] = act(deployed, seen, at=at, run_id="r2")
    assert (second.done, second.outcome) == (False, "A run of retrain-viral runs or waits already.")

    httpx.delete(f"{deployed.settings.prefect_url}/flow_runs/{run.id}", trust_env=False, timeout=10)
    [third] = act(deployed, seen, at=at + DAY, run_id="r3")
    assert not third.done
    assert "not again for 2.0 days" in third.outcome
    [fourth] = act(deployed, seen, at=at + 4 * DAY, run_id="r4")
    assert fourth.done
    assert [one.id for one in actions(deployed.engine, "viral")] == [fourth.id, third.id, second.id, first.id]


def test_nothing_is_retrained_on_what_the_model_knows_already(deployed: Platform) -> None:
    at = dt.datetime.now(dt.UTC)
    deployed.settings = deployed.settings.model_copy(update={"retrain_on_drift": True})
    seen = [Seen("viral", YESTERDAY, findings=(DRIFTED,), version="1")]
    act(deployed, seen, at=at, run_id="r1")
    dataset = deployed.datasets.find("viral/full").name
    with FlowClient(deployed.settings) as client:
        for run in client.running("retrain-viral"):
            httpx.delete(f"{deployed.settings.prefect_url}/flow_runs/{run.id}", trust_env=False, timeout=10)
    predictor, evaluation = world.model()
    version = deployed.registry.log_training(
        family="viral", predictor=predictor, evaluation=evaluation, comparison=None, dataset=dataset,
        dataset_sha256="0" * 64, params={}, rows={}, key="k",
    )  # fmt: skip
    deployed.registry.promote("viral", version.version, actor="t", reason="t", force=True, at=at)

    [action] = act(deployed, seen, at=at + 4 * DAY, run_id="r2")
    assert (action.done, action.outcome) == (
        False,
        f"Nothing was verified since {dataset}, which the model has learned from.",
    )


def test_prefect_that_is_away_leaves_a_row_that_says_so(parts: Platform) -> None:
    changed = {"retrain_on_drift": True, "prefect_api_url": "http://127.0.0.1:9/api"}
    away = Platform(parts.settings.model_copy(update=changed))
    [action] = act(
        away, [Seen("viral", YESTERDAY, findings=(DRIFTED,))], at=dt.datetime.now(dt.UTC), run_id=None
    )
    assert not action.done
    assert "could not be started" in action.outcome
    away.close()
