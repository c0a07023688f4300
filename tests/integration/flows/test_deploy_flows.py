"""Deploying the schedule, and running a deployment by its name through a real worker."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

import deploy_flows
from cli.flow_client import run_flow
from config.errors import FlowError
from config.settings import Settings, tool_environment
from local.ports import free_port
from models.family import FAMILIES
from storage.datasets.repository import DatasetRepository
from tasks.flow_client import FlowClient
from tests.integration.conftest import BIN
from tests.integration.flows.conftest import PREFECT_SOCKETS

pytestmark = PREFECT_SOCKETS
#: What runs by itself, and what somebody starts by hand.
NAMES = [
    "build-datasets-monthly", "collect-daily", "monitor", "refresh-recommendations",
    "refresh-trending", "retention",
    *(f"retrain-{family}" for family in FAMILIES),
]  # fmt: skip
BY_HAND = [
    "moderate-video", "moderate-post", "moderate-comment", "analyze-content", "generate-captions",
    "generate-thumbnail", "predict-virality", "update-recommendations", "calculate-trending",
]  # fmt: skip


@pytest.fixture
def deployed(flow_settings: Settings, prefect_client: SyncPrefectClient) -> Settings:
    """Settings of a Prefect with the schedule deployed, whatever earlier tests did."""
    for deployment in prefect_client.read_deployments():
        prefect_client.delete_deployment(deployment.id)
    deploy_flows.deploy(flow_settings)
    return flow_settings


def changes(settings: Settings) -> dict[str, str]:
    return {change.deployment: change.action for change in deploy_flows.deploy(settings)}


def test_deploying_twice_changes_nothing_and_keeps_scheduled_runs(
    deployed: Settings, prefect_client: SyncPrefectClient
) -> None:
    before = {one.name: (one.id, one.updated) for one in prefect_client.read_deployments()}

    assert changes(deployed) == dict.fromkeys([*NAMES, *BY_HAND], "unchanged")
    assert {one.name: (one.id, one.updated) for one in prefect_client.read_deployments()} == before


def test_only_what_differs_is_changed_and_what_is_no_longer_wanted_goes(
    deployed: Settings, monkeypatch: pytest.MonkeyPatch, prefect_client: SyncPrefectClient
) -> None:
    table = [one for one in deploy_flows.SCHEDULES if one.deployment != "build-datasets-monthly"]
    later = [
        deploy_flows.Scheduled(one.deployment, one.entrypoint, "30 0 * * *", one.description, tags=one.tags)
        if one.deployment == "collect-daily"
        else one
        for one in table
    ]
    monkeypatch.setattr(deploy_flows, "SCHEDULES", tuple(later))

    done = {change.deployment: change for change in deploy_flows.deploy(deployed)}

    assert done["collect-daily"].action == "updated"
    assert done["collect-daily"].differences == ("schedule",)
    assert done["retrain-viral"].action == "unchanged"
    assert done["build-datasets-monthly"].action == "removed"
    crons = {
        one.name: [each.schedule.cron for each in one.schedules] for one in prefect_client.read_deployments()
    }
    assert crons["collect-daily"] == ["30 0 * * *"]


def test_a_schedule_that_someone_paused_stays_paused(
    deployed: Settings, monkeypatch: pytest.MonkeyPatch, prefect_client: SyncPrefectClient
) -> None:
    with FlowClient(deployed) as client:
        identity = client.deployment("collect-daily").id
    prefect_client.pause_deployment(identity)
    monkeypatch.setattr(
        deploy_flows,
        "SCHEDULES",
        tuple(
            deploy_flows.Scheduled(
                one.deployment, one.entrypoint, one.cron, "new words", one.parameters, one.tags
            )
            for one in deploy_flows.SCHEDULES
        ),
    )

    assert set(changes(deployed).values()) == {"updated"}
    assert prefect_client.read_deployment(identity).paused is True


def test_cron_deployments_get_scheduled_runs(deployed: Settings, prefect_client: SyncPrefectClient) -> None:
    """With SQLAlchemy 2.1 no cron run is ever created, in silence: only this sees it."""
    wanted = {one.id: one.name for one in prefect_client.read_deployments() if one.schedules}
    assert sorted(wanted.values()) == sorted(NAMES)
    deadline = time.monotonic() + 60
    missing = set(wanted)
    while missing and time.monotonic() < deadline:
        missing = {
            one
            for one in missing
            if not prefect_client.read_flow_runs(
                flow_run_filter=FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[one]))
            )
        }
        time.sleep(0.5)

    assert {wanted[one] for one in missing} == set()
    runs = prefect_client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[k for k, v in wanted.items() if v == "retrain-viral"])
        )
    )
    times = [run.expected_start_time for run in runs if run.expected_start_time]
    assert all((moment.weekday(), moment.hour) == (6, 3) for moment in times)


def test_the_parameters_are_explained_in_the_ui(deployed: Settings, prefect_client: SyncPrefectClient) -> None:
    found = {one.name: one for one in prefect_client.read_deployments()}

    schema = found["collect-daily"].parameter_openapi_schema
    assert schema["properties"]["date"]["description"].startswith("the day (UTC) to collect")
    assert found["retrain-viral"].parameters == {"family": "viral"}
    assert found["retrain-viral"].tags == ["assay", "training", "viral"]


def test_an_unknown_deployment_and_a_wrong_parameter_are_named(deployed: Settings) -> None:
    with FlowClient(deployed) as client:
        with pytest.raises(FlowError, match=r"no deployment 'retrain-nothing'.*collect-daily"):
            client.start("retrain-nothing")
        with pytest.raises(FlowError, match="families"):
            client.start("collect-daily", {"families": 5})
        with pytest.raises(FlowError, match=r"collect-daily takes no month.*It takes date, until, families"):
            client.start("collect-daily", {"month": "2026-10"})


def test_with_prefect_away_both_sides_say_so(settings: Settings) -> None:
    away = settings.model_copy(update={"prefect_api_url": f"http://127.0.0.1:{free_port()}/api"})

    with FlowClient(away) as client, pytest.raises(FlowError, match="does not answer"):
        client.deployments()


@pytest.fixture
def worker(deployed: Settings, tmp_path: Path) -> Iterator[None]:
    """A worker process, started in a folder that has nothing to do with the repository."""
    command = [
        str(BIN / "prefect"),
        "worker",
        "start",
        "--pool",
        deployed.prefect_work_pool,
        "--type",
        "process",
    ]
    environment = {**os.environ, **tool_environment(deployed), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:  # Prefect's worker does not always hear it; nobody waits for it
                process.kill()
                process.wait()


def test_a_back_fill_asked_for_by_name_runs_in_a_worker_and_leaves_its_figures(
    world: None, worker: None, deployed: Settings, datasets: DatasetRepository
) -> None:
    states, lines = [], []

    summary = run_flow(
        deployed,
        "collect-daily",
        {"date": dt.date(2026, 10, 5)},
        on_state=lambda run: states.append(run.state_name),
        on_log=lambda line: lines.append(line.message),
        timeout=90,
    )

    assert summary["examples"] == datasets.manifest("viral", "candidates", "2026-10-05").rows > 0
    assert states[-1] == "Completed"
    assert any("Beginning flow run" in line for line in lines)
    with FlowClient(deployed) as client:
        latest = client.runs("collect-daily", limit=1)[0]
        assert latest.name == "collect 2026-10-05"
        assert "## Collected" in client.report(latest.id)
        deployment = client.deployment("collect-daily").id
        good = client.last_success(deployment)
        assert good == latest.ended_at is not None

    with pytest.raises(FlowError, match=r"ended as Failed.*has not begun"):
        run_flow(deployed, "collect-daily", {"date": "2999-01-01"}, timeout=90)
    with FlowClient(deployed) as client:
        assert client.last_success(deployment) == good
        assert client.last_success(client.deployment("refresh-trending").id) is None
