"""The OpenAPI 3.1 document of a service, from the same types that validate its requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import TypeAdapter

from serving import common_schema as common

_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence on what is wrong."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_REASONS = {
    400: "The body is not a JSON object.",
    401: "No API key, or a wrong one.",
    403: "The role or the owner does not fit.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "What is there already does not allow it.",
    413: "The body is too large.",
    415: "The body does not say that it is JSON.",
    422: "A field does not fit; `errors` names each.",
    429: "Too many requests in a minute; Retry-After says when to come again.",
    503: "It cannot be answered now; the sentence says why.",
}


@dataclass(frozen=True)
class Operation:
    """One endpoint as it is documented. ``request`` and ``answer`` are types that pydantic knows."""

    path: str
    method: str
    summary: str
    description: str = ""
    request: Any = None
    #: Whether it must have a body.
    body: bool = True
    answer: Any = None
    answer_type: str = "application/json"
    examples: Mapping[str, Any] = field(default_factory=dict)
    answer_example: Any = None
    parameters: Sequence[Mapping[str, Any]] = ()
    faults: Sequence[int] = ()
    needs_key: bool = False
    #: Answers without a key even where each operation asks for one.
    open_to_all: bool = False
    status: int = 200
    #: Other statuses with the same kind of answer, and what they say.
    also: Mapping[int, str] = field(default_factory=dict)


COMMON_OPERATIONS = (
    Operation("/", "get", "What this service is and where to go", answer=common.Info, open_to_all=True),
    Operation(
        "/health",
        "get",
        "ok, degraded with the reasons, or unavailable",
        answer=common.Health,
        also={503: "Nothing answers."},
        open_to_all=True,
    ),
    Operation(
        "/metrics", "get", "Prometheus figures", answer_type="text/plain", needs_key=True, faults=(401, 503)
    ),
    Operation(
        "/model/info",
        "get",
        "The served version",
        "What is served, since when, from which dataset version, with which figures.",
        answer=common.ModelInfo,
        needs_key=True,
        faults=(401, 503),
    ),
    Operation(
        "/model/load",
        "post",
        "Load the model",
        "Undoes an unloading; answers when a version serves, or with why none does.",
        answer=common.Loaded,
        needs_key=True,
        faults=(401, 503),
    ),
    Operation(
        "/model",
        "delete",
        "Take the model out of memory",
        "Until it is loaded again, past restarts and promotions too; the service's fallback answers meanwhile.",
        answer=common.Loaded,
        needs_key=True,
        faults=(401, 503),
    ),
)


def openapi_document(
    title: str, description: str, operations: Sequence[Operation], *, key_everywhere: bool
) -> dict[str, Any]:
    """The document; ``key_everywhere`` says that each operation asks for the API key."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, Any] = {}
    for operation in operations:
        entry = _operation(operation, schemas)
        if operation.needs_key or (key_everywhere and not operation.open_to_all):
            entry["security"] = [{"ApiKey": []}]
        paths.setdefault(operation.path, {})[operation.method] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": _version()},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"schema": _schema(operation.answer, "serialization", schemas)}
    if operation.answer_example is not None:
        answer["example"] = operation.answer_example
    entry: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _identity(operation),
        "responses": {
            str(operation.status): {"description": "The answer.", "content": {operation.answer_type: answer}}
        },
    }
    for status, description in operation.also.items():
        content = {operation.answer_type: {"schema": answer["schema"]}}
        entry["responses"][str(status)] = {"description": description, "content": content}
    for status in operation.faults:
        problem = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
        entry["responses"][str(status)] = {"description": _REASONS[status], "content": problem}
    if operation.description:
        entry["description"] = operation.description
    if operation.parameters:
        entry["parameters"] = list(operation.parameters)
    if operation.request is not None:
        body: dict[str, Any] = {"schema": _schema(operation.request, "validation", schemas)}
        if operation.examples:
            body["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        entry["requestBody"] = {"required": operation.body, "content": {"application/json": body}}
    return entry


def _identity(operation: Operation) -> str:
    words = operation.path.strip("/").translate({ord("{"): None, ord("}"): None}).replace("/", "_")
    return f"{operation.method}_{words or 'info'}"


def _schema(kind: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to ``kind``'s schema, which is put among ``schemas`` with those it is made of."""
    if kind is None:
        return {}
    schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCE, mode=mode)
    schemas.update(schema.pop("$defs", {}))
    if "$ref" in schema or "anyOf" in schema:  # a union is the references to what it is made of
        return schema
    schemas[kind.__name__] = schema
    return {"$ref": _REFERENCE.format(model=kind.__name__)}


def _version() -> str:
    try:
        return version("assay")
    except PackageNotFoundError:
        return "0"
