"""The OpenAPI document of the experiments says what the service does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from config.settings import load_settings
from serving.experiments.api import experiment_routes
from serving.experiments.operations import EXPERIMENT_OPERATIONS
from serving.experiments.service import ExperimentService
from serving.metrics import ServiceMetrics
from serving.openapi import openapi_document


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document("t", "d", EXPERIMENT_OPERATIONS, key_everywhere=False)


def test_every_route_is_documented_and_asks_for_the_key_as_it_says(
    document: dict[str, Any], tmp_path: Path
) -> None:
    service = ExperimentService(load_settings(assay_home=tmp_path), ServiceMetrics("ctr"))
    routes = experiment_routes(service)
    service.stop()
    found = {(route.path, route.method.lower()): route.needs_key for route in routes}
    told = {
        (path, method): "security" in entry
        for path, methods in document["paths"].items()
        for method, entry in methods.items()
    }
    assert found == told


def test_examples_are_what_the_schemas_allow(document: dict[str, Any]) -> None:
    checked = 0
    for methods in document["paths"].values():
        for entry in methods.values():
            for part in (
                entry.get("requestBody"),
                entry["responses"].get("200"),
                entry["responses"].get("201"),
            ):
                content = (part or {}).get("content", {}).get("application/json", {})
                examples = [each["value"] for each in content.get("examples", {}).values()]
                examples += [content["example"]] if "example" in content else []
                for example in examples:
                    jsonschema.validate(example, {**document, **content["schema"]})
                    checked += 1
    assert checked > 10


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [entry["operationId"] for methods in document["paths"].values() for entry in methods.values()]
    assert len(set(names)) == len(names) == len(EXPERIMENT_OPERATIONS)
    assert "post_experiments_id_select" in names
