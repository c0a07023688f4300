"""What `kubectl kustomize` makes of a folder of deploy/kubernetes; nothing is asked of a cluster."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.run import SERVICES

KUBERNETES = Path(__file__).parents[3] / "deploy" / "kubernetes"
ROOTS = ("base", "overlays/production")
EVERY = pytest.mark.parametrize("root", ROOTS)
#: What answers requests.
SERVED = {*SERVICES, "gateway", "admin"}
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")
KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(
    KUBECTL is None, reason="kubectl, which has kustomize in it, is not installed"
)

Manifest = dict[str, Any]


@cache
def built(root: str) -> tuple[Manifest, ...]:
    """The manifests of a root."""
    made = subprocess.run(
        [str(KUBECTL), "kustomize", str(KUBERNETES / root)], capture_output=True, text=True, timeout=60
    )
    assert made.returncode == 0, made.stderr
    return tuple(one for one in yaml.safe_load_all(made.stdout) if one)


def of_kind(root: str, *kinds: str) -> dict[str, Manifest]:
    """Manifests of these kinds by name."""
    return {one["metadata"]["name"]: one for one in built(root) if one["kind"] in kinds}


def template_of(workload: Manifest) -> Manifest:
    """What the pods of a Deployment, StatefulSet, Job or CronJob are made of."""
    spec = workload["spec"]
    template: Manifest = spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec["template"]
    return template


def pod_of(workload: Manifest) -> Manifest:
    """Its pod."""
    pod: Manifest = template_of(workload)["spec"]
    return pod


def containers(workload: Manifest) -> Iterator[Manifest]:
    """All its containers, those that go first too."""
    pod = pod_of(workload)
    yield from (*pod.get("initContainers", ()), *pod["containers"])
