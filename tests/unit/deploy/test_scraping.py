"""Both scrape configurations give `up` the labels that the rules and the dashboard ask of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.kustomized import KUBERNETES, SERVED, WORKLOADS, needs_kubectl, of_kind, template_of

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations"
FILES = (OPERATIONS / "prometheus.yml", KUBERNETES / "monitoring" / "prometheus-scrape.yaml")
#: What Prometheus gives every target by itself.
OWN = {"job", "instance"}


def job_of(file: Path) -> dict[str, Any]:
    (job,) = yaml.safe_load(file.read_text())["scrape_configs"]
    found: dict[str, Any] = job
    return found


def asked_of_up() -> set[str]:
    """Labels of `up` that an expression picks or groups by, or that the words of its rule name."""
    groups = yaml.safe_load((OPERATIONS / "alert-rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    panels = json.loads((OPERATIONS / "grafana-dashboard.json").read_text())["panels"]
    texts = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    texts += [f"{rule['expr']} {' '.join(rule['annotations'].values())}" for rule in rules]
    found: set[str] = set()
    for text in texts:
        if selector := re.search(r"\bup\{([^}]*)\}", text):
            found |= set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', "", selector[1])))
            found |= {
                name for by in re.findall(r"\bby \(([^)]*)\)", text) for name in re.findall(r"[a-z_]+", by)
            }
            found |= set(re.findall(r"\$labels\.([a-z_]+)", text))
    return found


def given(job: dict[str, Any]) -> set[str]:
    """Labels that each target of a scrape configuration has."""
    static = [set(target.get("labels", ())) for target in job.get("static_configs", ())]
    relabelled = {one["target_label"] for one in job.get("relabel_configs", ()) if "target_label" in one}
    return OWN | relabelled | (set.intersection(*static) if static else set())


def test_what_is_asked_of_up_names_the_service() -> None:
    assert {"job", "service", "instance"} <= asked_of_up()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_label_that_is_asked_of_up_is_given(file: Path) -> None:
    job = job_of(file)
    assert asked_of_up() <= given(job)
    assert job["job_name"] == "assay", "expressions pick it by that"
    assert job["honor_labels"] is True, "what figures say of themselves goes first"


@needs_kubectl
def test_the_label_of_a_pod_is_the_word_that_its_figures_have_for_their_service() -> None:
    (rule,) = (one for one in job_of(FILES[1])["relabel_configs"] if one.get("target_label") == "service")
    assert rule["source_labels"] == ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
    for name in SERVED:
        assert (
            template_of(of_kind("base", *WORKLOADS)[name])["metadata"]["labels"]["app.kubernetes.io/name"]
            == name
        )
