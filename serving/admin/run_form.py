"""The form by which a run is asked for, made from the parameters that its deployment says it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.datastructures import FormData

from config.errors import InputError
from models.family import FAMILIES
from tasks.flow_records import Deployment
from tasks.periods import month_bounds


@dataclass(frozen=True)
class Field:
    """One field: ``kind`` is the type of its input, or ``choices`` for boxes to tick."""

    name: str
    label: str
    kind: str
    description: str
    choices: tuple[str, ...] = ()


def fields(deployment: Deployment) -> list[Field]:
    """A field for each parameter that is not fixed by the deployment and that a form can hold."""
    found = []
    for name, schema in deployment.schema.items():
        kind = _kind(name, schema)
        if kind is None or name in deployment.parameters:
            continue
        description = str(schema.get("description") or "").strip()
        choices = tuple(FAMILIES) if kind == "choices" else ()
        label = name.replace("_", " ").capitalize()
        found.append(Field(name, label, kind, description[:1].upper() + description[1:], choices))
    return found


def parameters(deployment: Deployment, form: FormData) -> dict[str, Any]:
    """The parameters of a run out of the form; what is left empty is left to the flow.

    Raises:
        InputError: a value is malformed, or a span of days is backwards.
    """
    found = {}
    for field in fields(deployment):
        value = _value(field, [str(value) for value in form.getlist(field.name) if value])
        if value not in (None, [], False):
            found[field.name] = value
    if "until" in found and "date" not in found:
        raise InputError("A span of days needs its first day too.")
    if "until" in found and found["until"] < found["date"]:
        raise InputError(f"The span ends on {found['until']}, before it begins on {found['date']}.")
    return found


def _kind(name: str, schema: Mapping[str, Any]) -> str | None:
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if len(options) != 1:
        return None
    only, type_ = options[0], options[0].get("type")
    if type_ == "string":
        return "month" if name == "month" else "date" if only.get("format") == "date" else "text"
    if type_ == "array":
        return "choices" if name == "families" else None
    return {"integer": "number", "boolean": "checkbox"}.get(str(type_))


def _value(field: Field, given: list[str]) -> Any:
    if field.kind == "choices":
        if strange := set(given) - set(field.choices):
            raise InputError(f"There is no family '{sorted(strange)[0]}'.")
        return given
    text = given[0].strip() if given else ""
    if not text:
        return None
    if field.kind == "checkbox":
        return True
    try:
        if field.kind == "date":
            return date.fromisoformat(text).isoformat()
        if field.kind == "number":
            return int(text)
        if field.kind == "month":
            month_bounds(text)
    except ValueError:
        raise InputError(f"{field.label}: '{text}' is not a {field.kind}.") from None
    return text
