"""What docs/operations says of metrics is what the services show, and the other way round."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.operations_world import SERVICES, away_settings, figures_of

FOLDER = Path(__file__).parents[3] / "docs" / "operations"
NAME = re.compile(r"\bassay_[a-z_]+")
#: What Prometheus makes of one histogram.
SERIES = re.compile(r"_(?:bucket|sum|count)$")
SELECTOR = re.compile(r"\b(assay_[a-z_]+)\{([^}]*)\}")
LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
ROW = re.compile(r"^\| `(assay_[a-z_]+)` \| (counter|gauge|histogram) \| ([^|]+) \| ([^|]+) \|$", re.M)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Service -> what its /metrics shows."""
    return {name: figures_of(name, away_settings(tmp_path_factory.mktemp(name))) for name in SERVICES}


@pytest.fixture(scope="module")
def kinds(shown: dict[str, str]) -> dict[str, str]:
    """Metric -> its type, of all services."""
    found = re.findall(r"^# TYPE (\S+) (\S+)$", "\n".join(shown.values()), re.M)
    return {name: kind for name, kind in found if not name.endswith("_created")}


@pytest.fixture(scope="module")
def described() -> dict[str, tuple[str, set[str]]]:
    """Metric -> its type and labels, as metrics.md has them."""
    rows = ROW.findall((FOLDER / "metrics.md").read_text())
    return {name: (kind, set(re.findall(r"`([a-z_]+)`", labels))) for name, kind, labels, _ in rows}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alert-rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    board = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    return [*board, *(rule["expr"] for rule in rules())]


def test_every_metric_that_is_shown_is_described_with_its_type(
    kinds: dict[str, str], described: dict[str, tuple[str, set[str]]]
) -> None:
    assert {name: kind for name, (kind, _) in described.items()} == kinds


def test_every_figure_has_the_service_and_the_labels_that_are_described(
    shown: dict[str, str], described: dict[str, tuple[str, set[str]]]
) -> None:
    seen = set()
    for service, text in shown.items():
        for name, labels in re.findall(r"^(assay_[a-z_]+)\{([^}]*)\}", text, re.M):
            metric = SERIES.sub("", name) if SERIES.sub("", name) in described else name
            if metric.endswith("_created"):
                continue
            found = dict(re.findall(r'([a-z_]+)="([^"]*)"', labels))
            assert found["service"] == service, name
            assert set(found) - {"le"} == described[metric][1], name
            seen.add(metric)
    assert {"assay_queue_rows", "assay_gateway_breaker", "assay_backlog_rows", "assay_disk_free_bytes"} <= seen


def test_dashboard_and_rules_ask_for_metrics_and_labels_that_there_are(
    described: dict[str, tuple[str, set[str]]],
) -> None:
    for expression in expressions():
        for name in NAME.findall(expression):
            metric = name if name in described else SERIES.sub("", name)
            assert metric in described, expression
        for name, selector in SELECTOR.findall(expression):
            labels = set(LABEL.findall(re.sub(r'"[^"]*"', "", selector)))
            metric = name if name in described else SERIES.sub("", name)
            assert labels <= described[metric][1], expression


def test_a_figure_that_each_replica_shows_of_the_whole_platform_is_not_taken_once_a_replica() -> None:
    rows = ROW.findall((FOLDER / "metrics.md").read_text())
    shared = {name for name, _, _, meaning in rows if "Each replica shows the same" in meaning}
    assert {"assay_flow_last_success_timestamp_seconds", "assay_monitor_findings"} < shared
    asked = set()
    for expression in expressions():
        for found in NAME.finditer(expression):
            if found[0] in shared:
                before = expression[: found.start()]
                assert re.search(r"\bmax(?: by \([a-z_, ]+\) )?\($", before), expression
                asked.add(found[0])
    assert asked == shared


def test_figures_of_the_pages_are_of_the_whole_platform_and_say_so(shown: dict[str, str]) -> None:
    meanings = {name: meaning for name, _, _, meaning in ROW.findall((FOLDER / "metrics.md").read_text())}
    others = "\n".join(text for service, text in shown.items() if service != "admin")
    for name in re.findall(r"^# TYPE (assay_[a-z_]+) ", shown["admin"], re.M):
        if f"# TYPE {name} " not in others:
            assert "Each replica shows the same" in meanings[name], name


def test_what_a_rule_waits_for_to_rise_is_shown_before_it_rose(shown: dict[str, str]) -> None:
    counters = {name for rule in rules() for name in re.findall(r"increase\((assay_[a-z_]+)", rule["expr"])}
    assert "assay_rollout_refusals_total" in counters
    for service in set(SERVICES) - {"gateway", "admin"}:  # they have neither a model nor a queue
        for name in counters:
            if f"# TYPE {name} " in shown[service]:
                assert re.search(rf"^{name}\{{.*\}} 0\.0$", shown[service], re.M), (service, name)


def test_each_family_of_the_content_service_has_its_own_counters_from_the_start(shown: dict[str, str]) -> None:
    from serving.content_app import FAMILIES

    for name in ("assay_model_refusals_total", "assay_rollout_refusals_total"):
        found = re.findall(rf'^{name}\{{family="([a-z]+)"', shown["content"], re.M)
        assert set(found) == set(FAMILIES)


def test_nearly_every_metric_is_on_the_dashboard(described: dict[str, tuple[str, set[str]]]) -> None:
    asked = {SERIES.sub("", name) for expression in expressions() for name in NAME.findall(expression)}
    unseen = set(described) - asked
    assert unseen <= {
        "assay_rollout_version", "assay_rollout_share", "assay_rollout_swaps_total", "assay_replica_info",
    }  # fmt: skip


def test_each_rule_says_how_bad_it_is_and_tells_it_in_a_sentence() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["description"], rule["alert"]


def test_the_dashboard_has_a_row_a_concern_and_no_panel_over_another() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert rows == [
        "Requests and errors", "Latency", "Models and who answers", "Caches", "Queues", "Gateway",
        "Experiments", "Platform",
    ]  # fmt: skip
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_service_is_scraped_with_the_key() -> None:
    job = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]
    assert {target["labels"]["service"] for target in job["static_configs"]} == set(SERVICES)
    assert "X-API-Key" in job["http_headers"]
    assert job["honor_labels"] is True


def test_rules_of_flows_name_deployments_that_are_scheduled() -> None:
    from deploy_flows import SCHEDULES

    scheduled = {one.deployment for one in SCHEDULES if one.cron is not None}
    rule = next(one for one in rules() if one["alert"] == "AssayNoGoodRun")
    named = {name for found in re.findall(r'deployment=~?"([^"]+)"', rule["expr"]) for name in found.split("|")}
    assert named <= scheduled, named - scheduled
