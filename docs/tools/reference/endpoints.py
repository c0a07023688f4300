"""The endpoints, out of each service's OpenAPI document."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from docs.tools.reference.markdown import first_paragraph, table


def endpoints_page() -> str:
    """Each service's endpoints out of its OpenAPI document."""
    from config.settings import Settings
    from serving.run import SERVICES

    settings = Settings.model_construct()  # the defaults, whatever this machine has set
    parts = ["# Endpoints\n"]
    for name in (*SERVICES, "gateway"):
        document = getattr(_module(name), f"{name}_openapi")(settings)
        parts += _service(name, settings.service_port(name), document)
    return "\n".join(parts)


def _module(name: str) -> Any:
    """Where a service's document is made: ``serving/<name>_app.py``, or ``serving/<name>/app.py``."""
    flat = f"serving.{name}_app"
    return importlib.import_module(flat if importlib.util.find_spec(flat) else f"serving.{name}.app")


def _service(family: str, port: int, document: dict[str, Any]) -> list[str]:
    parts = [
        f"## {document['info']['title']}\n",
        f"{document['info']['description']} Port {port} (`{family.upper()}_PORT`). The service gives this "
        "document at `/openapi.json` and as pages at `/docs`.\n",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    parts.append("### Types\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts += [f"#### {name}\n", first_paragraph(schema.get("description")) + "\n", _fields(schema)]
    return parts


def _operation(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    asked = [name for one in operation.get("security", ()) for name in one]
    key = " Needs a token, or the API key." if "Bearer" in asked else " Needs the API key." if asked else ""
    parts = [
        f"### {method.upper()} {path}\n",
        f"{operation['summary']}. {operation.get('description', '')}{key}\n",
    ]
    parameters = operation.get("parameters", ())
    parts += [f"- `{_place(parameter)}`: {parameter['description']}" for parameter in parameters]
    if body := operation.get("requestBody"):
        parts.append(f"- Body: {_kind(body['content']['application/json']['schema'])}")
    for status, response in operation["responses"].items():
        content: tuple[str, Any] = next(iter(response.get("content", {}).items()), ("", {}))
        kind = _kind(content[1].get("schema", {}))
        parts.append(f"- {status}: {response['description']} " + (f"({kind})" if kind else f"(`{content[0]}`)"))
    return [*parts, ""]


def _place(parameter: dict[str, Any]) -> str:
    """A parameter as it stands in the address."""
    name = parameter["name"]
    return f"{{{name}}}" if parameter["in"] == "path" else f"?{name}="


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (f"`{name}`", _kind(field), "yes" if name in required else "", field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "required", "meaning"), rows) if rows else ""


def _kind(schema: dict[str, Any]) -> str:
    """A JSON schema's type in a few words."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[-1]}`"
    if "anyOf" in schema:
        return " or ".join(
            dict.fromkeys(_kind(option) for option in schema["anyOf"] if option.get("type") != "null")
        )
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    bounds = [f"{sign} {schema[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in schema]
    kind = {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        schema.get("type", ""), schema.get("type", "")
    )
    kind = "date and time" if schema.get("format") == "date-time" else kind
    return " ".join(filter(None, [kind, ", ".join(bounds)]))
