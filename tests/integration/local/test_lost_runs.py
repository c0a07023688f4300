"""Flow runs that a killed worker left behind, in a real Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from config.settings import Settings
from local.environment import MARK
from local.lost_runs import RUN, release_lost_runs
from local.process import wait_until

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@pytest.fixture
def platform(settings: Settings, prefect_url: str) -> Settings:
    """Settings of a platform whose own Prefect is the session's, with a work pool of its own."""
    change = {"prefect_port": urlsplit(prefect_url).port, "prefect_work_pool": f"pool-{uuid.uuid4().hex[:8]}"}
    return settings.model_copy(update=change)


@pytest.fixture
def begin(platform: Settings, prefect_client: SyncPrefectClient) -> Any:
    """Makes a run of the pool in a state."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.states import State

    prefect_client.create_work_pool(WorkPoolCreate(name=platform.prefect_work_pool, type="process"))
    flow = prefect_client.create_flow_from_name("lost")
    deployment = prefect_client.create_deployment(
        flow, f"lost-{uuid.uuid4().hex[:8]}", work_pool_name=platform.prefect_work_pool
    )

    def one(kind: str) -> str:
        run = prefect_client.create_flow_run_from_deployment(deployment)
        prefect_client.set_flow_run_state(run.id, State(type=kind), force=True)  # type: ignore[arg-type]
        return str(run.id)

    return one


def _state(client: SyncPrefectClient, run: str) -> str:
    state = client.read_flow_run(uuid.UUID(run)).state
    assert state is not None
    return state.type.value


def test_a_run_that_its_worker_took_and_never_began_is_scheduled_again(
    platform: Settings, begin: Any, prefect_client: SyncPrefectClient
) -> None:
    taken = begin("PENDING")
    assert release_lost_runs(platform) == [taken]
    assert _state(prefect_client, taken) == "SCHEDULED"
    assert release_lost_runs(platform) == []


def test_a_run_whose_process_is_gone_has_crashed(
    platform: Settings, begin: Any, prefect_client: SyncPrefectClient
) -> None:
    run = begin("RUNNING")
    assert release_lost_runs(platform) == [run]
    assert _state(prefect_client, run) == "CRASHED"


def test_a_run_whose_process_lives_goes_on(
    platform: Settings, begin: Any, prefect_client: SyncPrefectClient
) -> None:
    run = begin("RUNNING")
    environment = {**os.environ, "ASSAY_HOME": str(platform.home), MARK: "worker", RUN: run}
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            seen = Path(f"/proc/{process.pid}/environ")
            assert wait_until(lambda: run.encode() in seen.read_bytes(), 5.0)
            assert release_lost_runs(platform) == []
        finally:
            process.kill()
    assert _state(prefect_client, run) == "RUNNING"


def test_the_runs_of_another_pool_and_of_somebody_elses_prefect_are_left_alone(
    platform: Settings, begin: Any, prefect_client: SyncPrefectClient, prefect_url: str
) -> None:
    run = begin("PENDING")
    assert release_lost_runs(platform.model_copy(update={"prefect_work_pool": "another"})) == []
    assert release_lost_runs(platform.model_copy(update={"prefect_api_url": prefect_url})) == []
    assert _state(prefect_client, run) == "PENDING"


def test_without_prefect_nothing_is_done(platform: Settings) -> None:
    assert release_lost_runs(platform.model_copy(update={"prefect_port": 1}), patience=0.1) == []
