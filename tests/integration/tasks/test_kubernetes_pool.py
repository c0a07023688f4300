"""The work pool of a Kubernetes installation, in a real Prefect server; no cluster runs its jobs here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate

import deploy_flows
from config.errors import FlowError, InputError
from config.settings import load_settings
from tasks.kubernetes_pool import ensure_pool, job_template, main
from tests.integration.flows.conftest import PREFECT_SOCKETS

pytestmark = PREFECT_SOCKETS
POOL_FILE = Path(__file__).parents[3] / "deploy" / "kubernetes" / "base" / "pool.json"


def test_the_pool_is_made_once_then_follows_the_release_and_flows_are_deployed_to_it(
    prefect_client: SyncPrefectClient, prefect_here: str
) -> None:
    first = ensure_pool(prefect_client, "cluster", job_template(POOL_FILE, "assay:1"))
    settings = load_settings(prefect_api_url=prefect_here, prefect_work_pool="cluster")
    deploy_flows.deploy(settings)
    then = ensure_pool(prefect_client, "cluster", job_template(POOL_FILE, "assay:2"))

    pool = prefect_client.read_work_pool("cluster")
    deployed = [one for one in prefect_client.read_deployments() if one.work_pool_name == "cluster"]
    assert (first, then) == ("created", "updated")
    assert pool.type == "kubernetes"
    assert pool.base_job_template["variables"]["properties"]["image"]["default"] == "assay:2"
    assert {one.name for one in deployed} == {one.deployment for one in deploy_flows.SCHEDULES}
    known = set(pool.base_job_template["variables"]["properties"])
    assert all(set(one.job_variables) <= known for one in deployed), "the pool takes what deployments give"
    for one in deployed:
        prefect_client.delete_deployment(one.id)


def test_a_pool_of_processes_is_not_turned_into_one_of_jobs(prefect_client: SyncPrefectClient) -> None:
    prefect_client.create_work_pool(WorkPoolCreate(name="of-processes", type="process", base_job_template={}))
    with pytest.raises(FlowError, match="of the type 'process'"):
        ensure_pool(prefect_client, "of-processes", job_template(POOL_FILE, "assay:1"))


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"variables": {"properties": {}}})])
def test_a_file_that_is_no_template_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pool.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"pool\.json holds no base job template"):
        job_template(path, "assay:1")


def test_without_an_image_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FLOW_IMAGE", raising=False)
    assert main([str(POOL_FILE)]) == 1
    assert "FLOW_IMAGE" in capsys.readouterr().err
