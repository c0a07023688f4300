"""What the services' OpenAPI documents say that a fuzzer found them not to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from config.settings import load_settings
from serving.content_operations import content_openapi
from serving.ctr_operations import ctr_openapi
from serving.face_app import face_openapi
from serving.gateway.openapi import gateway_openapi
from serving.gateway.services import MODELS
from serving.recommendation_operations import recommendation_openapi
from serving.viral_app import viral_openapi

DOCUMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "viral": viral_openapi, "ctr": ctr_openapi, "recommendation": recommendation_openapi, "face": face_openapi,
    "content": content_openapi, "gateway": gateway_openapi,
}  # fmt: skip
JSON = "application/json"


def document(name: str, **settings: Any) -> dict[str, Any]:
    return DOCUMENTS[name](load_settings(**settings))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ctr", "/predict/ctr"),  # with ?clip_id=
        ("ctr", "/experiments/{id}/select"),
        ("ctr", "/experiments/{id}/start"),
        ("ctr", "/experiments/{id}/pause"),
        ("gateway", "/api/v1/ml/content/{id}/captions"),
        ("gateway", "/api/v1/ml/content/{id}/thumbnails"),
    ],
)
def test_a_body_that_may_be_left_out_is_said_to_be_no_must(name: str, path: str) -> None:
    assert document(name)["paths"][path]["post"]["requestBody"]["required"] is False


def test_other_bodies_are_a_must() -> None:
    assert document("viral")["paths"]["/predict"]["post"]["requestBody"]["required"] is True


@pytest.mark.parametrize("name", DOCUMENTS)
def test_health_is_described_and_is_no_problem_document_when_it_is_503(name: str) -> None:
    answers = document(name)["paths"]["/health"]["get"]["responses"]
    assert answers["200"]["content"][JSON]["schema"]["$ref"]
    if name != "content":  # it always answers
        assert answers["503"]["content"] == {JSON: {"schema": answers["200"]["content"][JSON]["schema"]}}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_answer_of_json_has_a_schema(name: str) -> None:
    bare = [
        f"{method} {path}"
        for path, methods in document(name)["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2") and answer["content"].get(JSON, {}).get("schema") == {}
    ]
    assert bare == []


def test_with_a_key_asked_for_everywhere_what_is_open_to_all_asks_for_none() -> None:
    paths = document("viral", require_api_key=True, ml_api_key="a key that is long enough")["paths"]
    assert "security" not in paths["/health"]["get"]
    assert "security" not in paths["/"]["get"]
    assert paths["/predict"]["post"]["security"] == [{"ApiKey": []}]


def test_the_families_that_can_be_trained_are_listed() -> None:
    told = document("gateway")
    schema = {**told["components"]["schemas"]["TrainRequest"], "components": told["components"]}
    jsonschema.validate({"family": "viral"}, schema, cls=Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"family": "gpt"}, schema, cls=Draft202012Validator)
    assert set(schema["properties"]["family"]["enum"]) == set(MODELS)
