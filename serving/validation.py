"""Request bodies: JSON bytes to a validated dictionary in one pass of pydantic-core, faults to sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from serving.problems import MAX_ERRORS, FieldError, Problem, invalid_fields

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "an object",
}
#: Branches of a union by the kind of value; they are no part of a field's path.
UNION_TAGS = ("an object", "a text")
_JSON_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "a text"),
    (int, "a whole number"),
    (float, "a number with a fraction or an exponent"),
    (list, "a list"),
    (dict, "an object"),
)


class BodyValidator:
    """Validates JSON bodies against one TypedDict.

    Args:
        shape: a TypedDict whose configuration is strict and forbids unknown keys.
        fields: the names that a person may have meant, for "did you mean".
    """

    def __init__(self, shape: Any, fields: Sequence[str]) -> None:
        self._adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        self._validate = self._adapter.validator.validate_json
        self._fields = tuple(fields)

    def parse(self, body: bytes) -> dict[str, Any]:
        """The body as a dictionary that holds only the keys that were sent.

        Raises:
            Problem: 400 when it is not JSON, 422 when a field does not fit; every faulty field is named.
        """
        if not body:
            raise Problem(400, "The request has no body; send a JSON object.")
        try:
            parsed: dict[str, Any] = self._validate(body)
        except ValidationError as error:
            raise self._problem(error) from None
        if b"\\u0000" in body and (places := list(_null_characters(parsed, ""))):
            raise invalid_fields(
                [FieldError(place, f"{place} must not contain the NUL character.") for place in places]
            )
        return parsed

    def _problem(self, error: ValidationError) -> Problem:
        found = error.errors(include_url=False, include_context=True)[:MAX_ERRORS]
        if found[0]["type"] == "json_invalid":
            return Problem(400, f"The body is not valid JSON: {found[0]['ctx']['error']}.")
        if not found[0]["loc"]:
            return Problem(400, f"The body must be a JSON object, not {_named(found[0]['input'])}.")
        faults: dict[str, str] = {}
        for item in found:
            faults.setdefault(field_path(item["loc"]), self._sentence(field_path(item["loc"]), item))
        return invalid_fields([FieldError(name, sentence) for name, sentence in faults.items()])

    def _sentence(self, path: str, item: Any) -> str:
        kind, limits, value = item["type"], item.get("ctx", {}), item["input"]
        if kind == "missing":
            return f"{path} is required."
        if kind == "extra_forbidden":
            name = str(item["loc"][-1])
            if name in self._fields:
                return f"{path} does not belong there."
            near = difflib.get_close_matches(name, self._fields, n=1)
            return f"{path} is not a known field." + (f" Did you mean {near[0]}?" if near else "")
        if kind == "int_parsing_size":
            return f"{path} is larger than any count can be."
        if path == "explain":
            return "explain must be true, false or a small whole number."
        if kind == "timezone_aware":
            return f"{path} must carry its offset from UTC, as in 2026-11-20T12:00:00Z."
        if kind in _WANTED:
            return f"{path} must be {_WANTED[kind]}, not {_named(value)}."
        if kind == "greater_than_equal":
            return f"{path} must be {limits['ge']} or more, not {value}."
        if kind == "less_than_equal":
            return f"{path} must be {limits['le']} or less."
        if kind == "literal_error":
            return f"{path} must be {limits['expected']}."
        if kind == "value_error":
            return f"{path} {limits['error']}."
        if kind == "too_short":
            return f"{path} must hold at least {limits['min_length']} item."
        if kind == "too_long":
            return f"{path} must hold at most {limits['max_length']} items."
        if kind == "string_too_long":
            return f"{path} must have at most {limits['max_length']} characters."
        if kind.startswith("date_"):
            return f"{path} must be a day such as 2026-11-20."
        if kind == "string_too_short":
            return f"{path} must not be empty."
        if kind.startswith("uuid_"):
            of = "the UUID that select answered" if path.endswith("decision_id") else "a UUID"
            return f"{path} must be {of}."
        if kind.startswith("datetime"):
            return f"{path} must be a time such as 2026-11-20T12:00:00Z."
        return f"{path} does not fit: {item['msg']}."


def json_object(body: bytes) -> dict[str, Any]:
    """The body as it is, where its parts are validated one by one.

    Raises:
        Problem: 400 when it is not a JSON object.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"The body is not valid JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise Problem(400, f"The body must be a JSON object, not {_named(parsed)}.")
    return parsed


def field_path(location: tuple[int | str, ...]) -> str:
    """``("videos", 3, "likes")`` -> ``videos[3].likes``; tags of a union's branches are left out."""
    path = ""
    for at, part in enumerate(location):
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in ("bool", "int", "constrained-int") and at and isinstance(location[at - 1], str):
            continue
        elif part not in UNION_TAGS:
            name = part[:100] if part.isidentifier() else f'"{part[:100]}"'
            path += f".{name}" if path else name
    return path


def _named(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {True: "NaN"}.get(value != value, "Infinity")
    return next((name for kind, name in _JSON_NAMES if isinstance(value, kind)), "this")


def _null_characters(value: Any, path: str) -> Iterator[str]:
    """Paths of texts with U+0000, which PostgreSQL cannot keep."""
    if isinstance(value, str) and "\x00" in value:
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _null_characters(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _null_characters(item, f"{path}[{index}]")
