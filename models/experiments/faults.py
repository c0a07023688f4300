"""What is wrong with a definition, in the words of the person who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

NAME_RULE = (
    "may have letters, digits, dots, dashes and underscores, and begins with a letter or digit; "
    "at most 64 characters"
)
_WANTED = {
    "int": "a whole number", "float": "a number", "finite": "a finite number", "bool": "true or false",
    "string": "a text", "tuple": "a list", "list": "a list", "dict": "an object",
    "model": "an object of fields",
}  # fmt: skip
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
_OUT_OF_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def faults(
    error: ValidationError, model: type[BaseModel], parts: Mapping[str, type[BaseModel]]
) -> list[tuple[str, str]]:
    """(field, what is wrong with it) for each faulty field, as ``("variants[0].share", "must be ...")``.

    Args:
        error: of reading ``model``.
        model: what was read.
        parts: field of ``model`` -> the model of its value, or of each of its items.
    """
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        place = item["loc"]
        if item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # it counted without the items that are faulty themselves
        if "attributes" in place:  # an attribute may be one of several types: each complains
            place = place[: place.index("attributes") + 2]
        names = [part for part in place if isinstance(part, str)]
        holder = parts.get(names[0], model) if len(names) > 1 else model
        found.setdefault(_path(place), _sentence({**item, "loc": place}, holder))
    return list(found.items())


def _path(place: Sequence[int | str]) -> str:
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part[:100]}" if path else part[:100]
    return path


def _sentence(item: Mapping[str, Any], holder: type[BaseModel]) -> str:
    kind, value, limits = item["type"], item["input"], item.get("ctx", {})
    name = str(item["loc"][-1]) if item["loc"] else ""
    about = holder.model_fields.get(name)
    if kind == "value_error":
        return str(limits["error"])
    if kind == "missing":
        return "must be given"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, holder.model_fields, n=1)
        return "is not a known field" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "literal_error":
        return f"must be {limits['expected']}, not {_shown(value)}"
    if len(item["loc"]) > 1 and item["loc"][-2] == "attributes":
        return "must be a text, a number, or true or false"
    if kind in ("string_too_short", "string_too_long", "string_pattern_mismatch"):
        return _text_rule(about)
    if kind in ("too_short", "too_long"):
        least, most = _limit(about, "min_length"), _limit(about, "max_length")
        allowed = f"{least} to {most}" if least else f"at most {most}"
        return f"there must be {allowed} of them, not {len(value)}"
    if kind in _OUT_OF_BOUNDS:
        bounds = [
            f"{word} {_limit(about, key):g}" for key, word in _BOUNDS.items() if _limit(about, key) is not None
        ]
        return f"must be {' and '.join(bounds)}, not {_shown(value)}"
    wanted = _WANTED.get(kind.split("_")[0])
    return f"must be {wanted}, not {_shown(value)}" if wanted else "does not fit"


def _text_rule(about: FieldInfo | None) -> str:
    if _limit(about, "pattern") is not None:
        return NAME_RULE
    least, most = _limit(about, "min_length") or 0, _limit(about, "max_length")
    return f"must have {least} to {most} characters" if least else f"must have at most {most} characters"


def _limit(about: FieldInfo | None, key: str) -> Any:
    """A rule of a field, such as its ``max_length``; None where it has none."""
    rules = about.metadata if about is not None else []
    return next((found for rule in rules if (found := getattr(rule, key, None)) is not None), None)


def _shown(value: Any) -> str:
    """A value in a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, str):
        return f"'{value[:40]}'"
    return "an object" if isinstance(value, Mapping) else "a list"
