"""The form of an experiment: out of a definition and back into one. Fields are texts, as browsers send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.datastructures import FormData

from config.errors import InputError
from models.experiments.definition import MAX_VARIANTS

#: list of the form -> (its columns, how many rows a new form has)
LISTS: dict[str, tuple[tuple[str, ...], int]] = {
    "variants": (("name", "share", "attributes"), 2),
    "context": (("name", "kind", "required"), 1),
    "guardrails": (("metric", "worse", "limit", "low", "high", "action"), 1),
}
MOST_ROWS = {"variants": MAX_VARIANTS, "context": 50, "guardrails": 10}
#: part of a definition -> its fields in the form
PARTS = {
    "reward": ("name", "kind", "low", "high", "missing", "window_hours"),
    "policy": ("kind", "posterior", "exploration", "explorer", "learning_rate"),
}
#: What a definition has as a number, and as true or false.
NUMBERS = frozenset({
    "minimum_effect", "planned_decisions", "low", "high", "window_hours", "exploration", "learning_rate",
    "share", "limit",
})  # fmt: skip
BOXES = frozenset({"required"})
PLAIN = ("id", "title", "control", "minimum_effect", "planned_decisions", "salt")
_PLACES = re.compile(r"\b(variants|context|guardrails|reward|policy)(?:\[(\d+)\])?\.")
_WORDS = {"variants": "variant", "context": "context field", "guardrails": "guard-rail"}


def blank() -> dict[str, Any]:
    """A new form, with what is usual filled in."""
    return {
        **dict.fromkeys(PLAIN, ""), "planned_decisions": "50000", "traffic": "100", "sticky": "yes",
        "reward": {
            "name": "click", "kind": "binary", "low": "0", "high": "1", "missing": "zero", "window_hours": "24",
        },
        "policy": {
            "kind": "fixed", "posterior": "beta", "exploration": "0.01", "explorer": "squarecb",
            "learning_rate": "0.5",
        },
        **{name: [_blank_row(name) for _ in range(rows)] for name, (_, rows) in LISTS.items()},
    }  # fmt: skip


def values_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The form that shows ``definition``."""
    made = blank() | {name: _text(definition[name]) for name in PLAIN}
    made["traffic"] = _text(round(100 * definition["traffic"], 6))
    made["sticky"] = "yes" if definition["sticky"] else ""
    for part, names in PARTS.items():
        made[part] = {name: _text(definition[part][name]) for name in names}
    for name, (columns, _) in LISTS.items():
        rows = [{column: _text(row[column]) for column in columns} for row in definition[name]]
        made[name] = rows or made[name]
    return made


def sent(form: FormData) -> dict[str, Any]:
    """The form as it was sent, so that it can be shown again; ``more`` names a list that wants another row."""
    made: dict[str, Any] = {name: _one(form, name) for name in (*PLAIN, "traffic", "sticky")}
    for part, names in PARTS.items():
        made[part] = {name: _one(form, f"{part}.{name}") for name in names}
    for name, (columns, rows) in LISTS.items():
        found = [
            {column: _one(form, f"{name}.{place}.{column}") for column in columns}
            for place in range(MOST_ROWS[name])
            if f"{name}.{place}.{columns[0]}" in form
        ]
        made[name] = found or [_blank_row(name) for _ in range(rows)]
        if form.get("more") == name and len(made[name]) < MOST_ROWS[name]:
            made[name].append(_blank_row(name))
    return made


def definition_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The definition that a form means; what is no number stays text, the definition's own rules say so.

    Raises:
        InputError: the share of traffic or an attribute is malformed.
    """
    made = _read({name: values[name] for name in PLAIN})
    made["sticky"] = bool(values["sticky"])
    if values["traffic"]:
        made["traffic"] = _percent(values["traffic"])
    reward = _read(values["reward"])
    if reward.get("kind") == "binary":  # its bounds are given; the fields stay hidden
        reward = {name: value for name, value in reward.items() if name not in ("low", "high")}
    policy = _read(values["policy"])
    if reward.get("kind") == "number" and policy.get("kind") == "thompson":
        policy["posterior"] = "normal"
    rows = {
        name: [
            _read({column: row[column] for column in columns})
            for row in values[name]
            if row[columns[0]] or (name == "guardrails" and row["limit"])
        ]
        for name, (columns, _) in LISTS.items()
    }
    for variant in rows["variants"]:
        variant["attributes"] = _attributes(variant.get("attributes", ""), variant["name"])
    return {**made, "reward": reward, "policy": policy, **rows}


def _read(values: Mapping[str, str]) -> dict[str, Any]:
    """The fields that are filled in, those of numbers as numbers."""
    return {
        name: _number(text) if name in NUMBERS else True if name in BOXES else text
        for name, text in values.items()
        if text
    }


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def readable(error: InputError) -> InputError:
    """The same fault, its places counted from one and named as the form names them."""

    def place(found: re.Match[str]) -> str:
        name, number = found.groups()
        return f"{_WORDS.get(name, name)} {int(number) + 1}, " if number is not None else f"{name}, "

    return InputError(_PLACES.sub(place, error.message))


def _blank_row(name: str) -> dict[str, str]:
    row = dict.fromkeys(LISTS[name][0], "")
    usual = {
        "variants": {"share": "1"}, "context": {"kind": "category"},
        "guardrails": {"worse": "higher", "low": "0", "high": "1", "action": "pause"},
    }  # fmt: skip
    return row | usual[name]


def _one(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_attribute_text(one)}" for name, one in value.items())
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _attribute_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _text(value)


def _percent(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        raise InputError(f"Share of the subjects: '{text}' is not a number of percent.") from None
    if not 0 < share <= 100:
        raise InputError(f"Share of the subjects must be more than 0 and at most 100 percent, not {share:g}.")
    return share / 100


def _attributes(text: str, variant: str) -> dict[str, str | float | bool]:
    """``colour=red, size=3`` as an object."""
    made: dict[str, str | float | bool] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = (one.strip() for one in part.partition("="))
        if not equals or not name:
            raise InputError(f"Attributes of {variant}: '{part}' is not of the form name=value.")
        made[name] = _attribute(value)
    return made


def _attribute(text: str) -> str | float | bool:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
