"""The Kubernetes manifests fit the API's schemas and say what the code can do. No cluster was used.

They are built by kubectl's own kustomize, and checked against the schemas that kubernetes-validate carries.
docs/guides/kubernetes.md says what stays unproven here.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest

from serving.run import SERVICES
from tests.unit.deploy.kustomized import (
    EVERY,
    KUBERNETES,
    SERVED,
    WORKLOADS,
    Manifest,
    built,
    containers,
    needs_kubectl,
    of_kind,
    pod_of,
    template_of,
)

pytestmark = needs_kubectl
#: The oldest and the newest release that the manifests are checked against.
VERSIONS = ("1.30", "1.35")
LITTLE = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
#: The checker reads its file of definitions again for each manifest; it does not change.
VALIDATE = "kubernetes_validate.utils.schema_contents"


@pytest.fixture(autouse=True, scope="module")
def _definitions_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(VALIDATE, cache(kubernetes_validate.utils.schema_contents))
        yield


@EVERY
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_the_schema_of_the_api(root: str, version: str) -> None:
    for one in built(root):
        assert kubernetes_validate.validate(one, version, strict=True) == version


def test_a_mistyped_key_would_be_noticed() -> None:
    broken = json.loads(json.dumps(of_kind("base", "StatefulSet")["viral"]))
    pod_of(broken)["containers"][0]["redinessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


@EVERY
def test_no_object_is_there_twice_and_all_but_the_namespace_are_in_it(root: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in built(root)]
    assert len(names) == len(set(names))
    assert {one["metadata"].get("namespace") for one in built(root) if one["kind"] != "Namespace"} == {"assay"}


@EVERY
def test_the_platform_is_complete(root: str) -> None:
    tools = {"prefect", "mlflow", "redis", "prefect-worker", "content-worker", "migrate", "deploy-flows"}
    assert set(of_kind(root, *WORKLOADS)) >= SERVED | tools
    assert set(of_kind(root, "Service")) >= SERVED | {"prefect", "mlflow", "redis"}


@EVERY
def test_what_records_predictions_keeps_a_disk_of_its_own(root: str) -> None:
    """A StatefulSet whose claims stay: what the database has not taken yet outlives its pod, and scaling in."""
    sets = of_kind(root, "StatefulSet")
    assert set(sets) == set(SERVICES)
    for one in sets.values():
        assert one["spec"]["persistentVolumeClaimRetentionPolicy"] == {
            "whenScaled": "Retain", "whenDeleted": "Retain",
        }  # fmt: skip
        (claim,) = one["spec"]["volumeClaimTemplates"]
        home = next(each for each in mounts(one) if each["mountPath"] == "/data/assay")
        assert claim["metadata"]["name"] == home["name"]
        assert one["spec"]["serviceName"] in of_kind(root, "Service")


def mounts(workload: Manifest) -> list[Manifest]:
    found: list[Manifest] = pod_of(workload)["containers"][0]["volumeMounts"]
    return found


@EVERY
def test_everything_that_stays_up_has_probes(root: str) -> None:
    for one in of_kind(root, "Deployment", "StatefulSet").values():
        for container in containers(one):
            assert container.keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}


@EVERY
def test_every_container_says_what_it_needs_and_may_do_little(root: str) -> None:
    for one in of_kind(root, *WORKLOADS).values():
        pod = pod_of(one)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(one):
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            assert container["securityContext"] == LITTLE


@EVERY
def test_prefect_makes_its_pages_where_it_may_write(root: str) -> None:
    """By default among its packages, where nothing can be written: it would start without pages, healthy."""
    (server,) = containers(of_kind(root, "Deployment")["prefect"])
    told = {one["name"]: one.get("value") for one in server["env"]}
    assert told["PREFECT_UI_STATIC_DIRECTORY"] in {one["mountPath"] for one in server["volumeMounts"]}


@EVERY
def test_pods_get_no_variables_from_the_names_of_services(root: str) -> None:
    """A Service called `viral` would set VIRAL_PORT to an address, and no service of ours would start."""
    for one in of_kind(root, *WORKLOADS).values():
        assert pod_of(one)["enableServiceLinks"] is False
    assert pod_of(pool_job())["enableServiceLinks"] is False


@EVERY
def test_only_the_worker_that_makes_jobs_may_talk_to_kubernetes(root: str) -> None:
    trusted = [
        name for name, one in of_kind(root, *WORKLOADS).items() if pod_of(one)["automountServiceAccountToken"]
    ]
    assert trusted == ["prefect-worker"]
    account = pod_of(of_kind(root, "Deployment")["prefect-worker"])["serviceAccountName"]
    (binding,) = of_kind(root, "RoleBinding").values()
    assert [subject["name"] for subject in binding["subjects"]] == [account]
    assert binding["roleRef"]["name"] in of_kind(root, "Role")


@EVERY
def test_selectors_find_their_pods_and_no_others(root: str) -> None:
    labels = {name: template_of(one)["metadata"]["labels"] for name, one in of_kind(root, *WORKLOADS).items()}

    def chosen(selector: dict[str, str]) -> set[str]:
        return {name for name, given in labels.items() if selector.items() <= given.items()}

    for name, one in of_kind(root, "Deployment", "StatefulSet").items():
        assert chosen(one["spec"]["selector"]["matchLabels"]) == {name}
        for spread in pod_of(one).get("topologySpreadConstraints", ()):
            assert chosen(spread["labelSelector"]["matchLabels"]) == {name}
    for name, one in of_kind(root, "Service").items():
        assert chosen(one["spec"]["selector"]) == {name.removesuffix("-pods")}
    for name, one in of_kind(root, "PodDisruptionBudget").items():
        assert chosen(one["spec"]["selector"]["matchLabels"]) == {name}
    for one in of_kind(root, "NetworkPolicy").values():
        assert chosen(one["spec"]["podSelector"].get("matchLabels", {}))


@EVERY
def test_what_has_replicas_has_a_budget_and_is_spread(root: str) -> None:
    scalers = of_kind(root, "HorizontalPodAutoscaler").values()
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in scalers}
    workloads = of_kind(root, "Deployment", "StatefulSet")
    replicated = scaled | {name for name, one in workloads.items() if one["spec"].get("replicas", 1) > 1}
    assert replicated >= SERVED
    assert set(of_kind(root, "PodDisruptionBudget")) == replicated
    for name in replicated:
        assert pod_of(workloads[name])["topologySpreadConstraints"]


def pool() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((KUBERNETES / "base" / "pool.json").read_text())
    return found


def pool_job() -> Manifest:
    """The job of a flow run, with the pool's defaults in the places of its variables."""
    properties = pool()["variables"]["properties"]
    given = {"command": ["prefect", "flow-run", "execute"], "env": [{"name": "PREFECT_API_URL", "value": "x"}],
             "labels": {"a": "b"}, "annotations": {"a": "b"}, "name": "run"}  # fmt: skip

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        found = re.fullmatch(r"\{\{ (\w+) \}\}(.*)", value) if isinstance(value, str) else None
        if found is None:
            return value
        chosen = given.get(found[1], properties[found[1]].get("default"))
        return f"{chosen}{found[2]}" if found[2] else chosen

    made: Manifest = filled(pool()["job_configuration"]["job_manifest"])
    return made


def test_the_job_of_a_flow_run_fits_the_schema_and_names_what_is_there() -> None:
    job = pool_job()
    # Prefect's worker refuses a job without these two, at a place where Kubernetes knows none and drops them
    assert [pod_of(job).pop(name) for name in ("completions", "parallelism")] == [1, 1]
    assert [container["name"] for container in containers(job)] == ["prefect-job"], "it asks for that name too"
    kubernetes_validate.validate(job, VERSIONS[0], strict=True)
    (container,) = pod_of(job)["containers"]
    asked = {each["configMapRef"]["name"] for each in container["envFrom"] if "configMapRef" in each}
    assert asked <= set(of_kind("base", "ConfigMap"))
    assert container["workingDir"] == "/app"


def test_every_variable_of_the_pool_is_declared() -> None:
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(pool()["job_configuration"])))
    assert used == set(pool()["variables"]["properties"])


@EVERY
def test_flow_runs_take_the_image_of_the_release(root: str) -> None:
    from tasks.kubernetes_pool import job_template

    deploying = of_kind(root, "Job")["deploy-flows"]
    first, last = containers(deploying)
    told = next(each["value"] for each in first["env"] if each["name"] == "FLOW_IMAGE")
    assert told == first["image"] == last["image"]
    template = job_template(KUBERNETES / "base" / "pool.json", told)
    assert template["variables"]["properties"]["image"]["default"] == told


def test_dask_workers_have_the_platforms_environment() -> None:
    workloads = of_kind("overlays/production", "Deployment")
    ours = pod_of(of_kind("overlays/production", "StatefulSet")["viral"])["containers"][0]
    for name in ("dask-scheduler", "dask-worker"):
        (container,) = pod_of(workloads[name])["containers"]
        assert (container["image"], container["envFrom"]) == (ours["image"], ours["envFrom"])
    command = pod_of(workloads["dask-worker"])["containers"][0]["command"]
    settings = of_kind("overlays/production", "ConfigMap")["assay-settings"]["data"]
    assert settings["DASK_SCHEDULER_ADDRESS"] in command


def test_a_backup_is_made_when_no_flow_is_scheduled_and_outlives_its_pod() -> None:
    from cronsim import CronSim

    from deploy_flows import SCHEDULES

    job = of_kind("overlays/production", "CronJob")["backup"]
    (container,) = containers(job)
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod_of(job)["volumes"]
        if "persistentVolumeClaim" in volume
    }
    (kept,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] in claims]
    assert container["command"][:3] == ["assay", "backup", kept]
    assert set(claims.values()) <= set(of_kind("overlays/production", "PersistentVolumeClaim"))
    assert job["spec"]["timeZone"] == "Etc/UTC", "as the schedules of flows"
    at = next(CronSim(job["spec"]["schedule"], dt.datetime(2026, 1, 1)))
    rare = [one.cron for one in SCHEDULES if one.cron and not one.cron.startswith(("*/15 *", "5 *"))]
    assert rare
    assert all(next(CronSim(cron, at - dt.timedelta(hours=1))) - at > dt.timedelta(hours=1) for cron in rare)


def test_every_file_of_a_folder_is_used() -> None:
    for root in ("base", "components/backup", "components/dask", "overlays/production"):
        folder = KUBERNETES / root
        text = (folder / "kustomization.yaml").read_text()
        for file in folder.rglob("*"):
            if file.is_file() and file.name != "kustomization.yaml":
                assert str(file.relative_to(folder)) in text
