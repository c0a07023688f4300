"""What the Kubernetes manifests say of services is what these do: ports, probes, figures, their end."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
import yaml

from config.settings import Settings
from serving.run import SERVICES
from tests.unit.deploy.kustomized import (
    EVERY,
    KUBERNETES,
    SERVED,
    WORKLOADS,
    Manifest,
    needs_kubectl,
    of_kind,
    pod_of,
)

pytestmark = needs_kubectl


def routes(service: str) -> set[str]:
    """Paths that a service answers GET at without a key: its own, and those of the server around it."""
    if service == "admin":
        text = (KUBERNETES.parents[1] / "serving" / "admin" / "routes.py").read_text()
        return set(re.findall(r'Route\("(/health)", health\)', text))
    from serving import endpoints, many_endpoints
    from serving.gateway import common

    modules = {"gateway": [common], "content": [endpoints, many_endpoints]}.get(service, [endpoints])
    text = "".join(Path(module.__file__ or "").read_text() for module in modules)
    found = set(re.findall(r'Route\("(/\S*)", "GET", \S+, open_to_all=True\)', text))
    return found if service == "gateway" else found | bentos_own()


def bentos_own() -> set[str]:
    """Paths that BentoML answers in front of a service."""
    with warnings.catch_warnings():  # of BentoML's import
        warnings.simplefilter("ignore")
        from serving.bento import PROBES
    return set(PROBES)


@EVERY
@pytest.mark.parametrize("name", sorted(SERVED))
def test_a_service_listens_where_its_settings_say_and_is_asked_there(root: str, name: str) -> None:
    port = Settings.model_fields[f"{name}_port"].default
    (container,) = pod_of(of_kind(root, *WORKLOADS)[name])["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    (asked,) = of_kind(root, "Service")[name]["spec"]["ports"]
    assert (asked["port"], asked["targetPort"]) == (port, "http")
    settings = of_kind(root, "ConfigMap")["assay-settings"]["data"]
    assert settings[f"{name.upper()}_URL"] == f"http://{name}:{port}"


@EVERY
@pytest.mark.parametrize("name", sorted(SERVED))
def test_probes_ask_paths_that_the_service_answers_without_a_key(root: str, name: str) -> None:
    (container,) = pod_of(of_kind(root, *WORKLOADS)[name])["containers"]
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[kind]
        assert probe.get("httpGet", probe.get("tcpSocket"))["port"] == "http"
        if "httpGet" in probe:
            assert probe["httpGet"]["path"] in routes(name)


@EVERY
def test_nothing_is_restarted_because_its_database_or_its_model_is_away(root: str) -> None:
    for name in SERVED:
        (container,) = pod_of(of_kind(root, *WORKLOADS)[name])["containers"]
        assert container["livenessProbe"].get("httpGet", {}).get("path") != "/health"


@EVERY
def test_services_grow_with_the_rate_of_requests(root: str) -> None:
    scalers = of_kind(root, "HorizontalPodAutoscaler")
    assert set(scalers) == {*SERVICES, "gateway"}
    for one in scalers.values():
        target = one["spec"]["scaleTargetRef"]
        scaled = of_kind(root, target["kind"])[target["name"]]
        assert "replicas" not in scaled["spec"], "what the autoscaler decides is not set back at each release"
        assert 2 <= one["spec"]["minReplicas"] < one["spec"]["maxReplicas"]
        (metric,) = one["spec"]["metrics"]
        assert metric["pods"]["metric"]["name"] == adapter_rule()["name"]["as"]


def test_the_guide_says_what_share_of_what_was_measured_a_target_is() -> None:
    """Its table has each target, and between which shares of the figures in docs/scale.md it is."""
    docs = KUBERNETES.parents[1] / "docs"
    guide = (docs / "guides" / "kubernetes.md").read_text()
    found = re.findall(r"^\| (\w+) \| ([\d,]+) \| ([^|]+) \| ([^|]+) \|$", guide, re.M)
    rows = {name: (int(target.replace(",", "")), *said) for name, target, *said in found}
    scalers = of_kind("base", "HorizontalPodAutoscaler")
    assert set(rows) == set(scalers)
    scale = (docs / "scale.md").read_text()
    for name, (target, measured, share) in rows.items():
        (metric,) = scalers[name]["spec"]["metrics"]
        assert metric["pods"]["target"]["averageValue"] == str(target)
        if measured == "not measured":
            assert share == "a guess"
            continue
        low, high = re.findall(r"[\d,]+", measured)[:2]
        row = next(line for line in scale.splitlines() if line.startswith(f"| `{name}`"))
        assert {low, high} <= set(re.findall(r"[\d,]+", row)), name
        least, most = (round(100 * target / int(figure.replace(",", ""))) for figure in (high, low))
        assert share.startswith(f"{least} to {most} %"), name


def adapter_rule() -> Manifest:
    rules = yaml.safe_load((KUBERNETES / "monitoring" / "prometheus-adapter.yaml").read_text())
    (rule,) = rules["rules"]["custom"]
    found: Manifest = rule
    return found


def test_the_rate_is_made_of_a_figure_that_services_have() -> None:
    from serving.metrics import ServiceMetrics

    metrics = ServiceMetrics("viral")
    metrics.observe("/predict", 200, 0.001)
    name = adapter_rule()["seriesQuery"].partition("{")[0]
    assert f'{name}{{path="/predict"' in metrics.render().decode() or re.search(
        rf'^{name}{{.*path="/predict"', metrics.render().decode(), re.MULTILINE
    )


@EVERY
def test_figures_are_scraped_where_they_are(root: str) -> None:
    for name in SERVED:
        workload = of_kind(root, *WORKLOADS)[name]
        told = workload["spec"]["template"]["metadata"]["annotations"]
        (port,) = pod_of(workload)["containers"][0]["ports"]
        assert told == {
            "prometheus.io/scrape": "true", "prometheus.io/port": str(port["containerPort"]),
            "prometheus.io/path": "/metrics",
        }  # fmt: skip


@EVERY
def test_a_pod_that_ends_answers_until_nobody_sends_it_requests(root: str) -> None:
    for name in SERVED:
        pod = pod_of(of_kind(root, *WORKLOADS)[name])
        seconds = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        assert 0 < seconds < pod["terminationGracePeriodSeconds"] - 10
