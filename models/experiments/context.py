"""The context of a question, checked against the fields that the experiment names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.errors import InputError
from models.experiments.definition import ContextField, Definition

LONGEST_TEXT = 200
#: Vowpal Wabbit's numbers have 24 bits; past this a number is an id, and wants to be a category.
GREATEST_NUMBER = 1e9


def check_context(definition: Definition, context: Mapping[str, Any] | None) -> dict[str, str | float]:
    """The context by field name, in the definition's order: texts for categories, floats for numbers.

    A whole number or a truth value given for a category becomes text; optional fields of None are left out.

    Raises:
        InputError: every field that is unknown, missing, or not of its kind.
    """
    if context is not None and not isinstance(context, Mapping):
        raise InputError("context must be an object of fields and values.")
    given = dict(context or {})
    faults: list[str] = []
    checked: dict[str, str | float] = {}
    for each in definition.context:
        value = given.pop(each.name, None)
        if value is None:
            if each.required:
                faults.append(f"{each.name} is missing")
            continue
        fault, clean = _value(each, value)
        if fault:
            faults.append(f"{each.name} {fault}")
        else:
            checked[each.name] = clean
    faults += [f"{str(name)[:64]!r} is no field of this experiment" for name in given]
    if faults:
        known = ", ".join(f"{each.name} ({each.kind})" for each in definition.context) or "none"
        raise InputError(
            f"The context does not fit experiment {definition.id}: {'; '.join(faults)}.",
            hint=f"Its fields are: {known}.",
        )
    return checked


def _value(expected: ContextField, value: object) -> tuple[str | None, str | float]:
    """What is wrong with a value, if anything, and the value as it is kept."""
    if expected.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "must be a number", 0.0
        # True for NaN too, and right for a whole number of 400 digits, which is no float.
        if not -GREATEST_NUMBER <= value <= GREATEST_NUMBER:
            return f"must be a number between {-GREATEST_NUMBER:g} and {GREATEST_NUMBER:g}", 0.0
        return None, float(value)
    if isinstance(value, bool):
        return None, str(value).lower()
    if isinstance(value, int) and abs(value) < 10**18:
        return None, str(value)
    if not isinstance(value, str):
        return "must be text", ""
    if len(value) > LONGEST_TEXT:
        return f"must be at most {LONGEST_TEXT} characters long", ""
    # PostgreSQL stores neither.
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        return "has a character that is no text (NUL or half a surrogate pair)", ""
    return None, value
