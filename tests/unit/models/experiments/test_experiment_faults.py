"""What is wrong with a definition is said in words that a person can act on."""

from __future__ import annotations

from typing import Any

import pytest

from config.errors import DefinitionFaulty
from models.experiments.definition import parse_definition

RULE = (
    "may have letters, digits, dots, dashes and underscores, and begins with a letter or digit; "
    "at most 64 characters"
)


@pytest.mark.parametrize(
    ("change", "field", "what"),
    [
        ({"variants": [{"name": "a"}]}, "variants", "there must be 2 to 20 of them, not 1"),
        ({"variants": "a, b"}, "variants", "must be a list, not 'a, b'"),
        ({"variants": [{"name": "a"}, "b"]}, "variants[1]", "must be an object of fields, not 'b'"),
        ({"variants": [{"name": "a"}, {"name": "ü"}]}, "variants[1].name", RULE),
        (
            {"variants": [{"name": "a"}, {"name": "b", "attributes": {"size": [1]}}]},
            "variants[1].attributes.size",
            "must be a text, a number, or true or false",
        ),
        ({"id": "no spaces"}, "id", RULE),
        ({"id": "x" * 65}, "id", RULE),
        ({"title": ""}, "title", "must have 1 to 200 characters"),
        ({"title": " "}, "title", "the title is blank"),
        ({"traffic": 2.5}, "traffic", "must be more than 0 and at most 1, not 2.5"),
        ({"traffic": 0}, "traffic", "must be more than 0 and at most 1, not 0"),
        ({"minimum_effect": -1}, "minimum_effect", "must be more than 0, not -1"),
        ({"minimum_effect": "small"}, "minimum_effect", "must be a number, not 'small'"),
        ({"planned_decisions": 5}, "planned_decisions", "must be at least 100 and at most 1e+10, not 5"),
        ({"planned_decisions": 500.5}, "planned_decisions", "must be a whole number, not 500.5"),
        ({"sticky": "perhaps"}, "sticky", "must be true or false, not 'perhaps'"),
        ({"sticky": 1}, "sticky", "must be true or false, not 1"),
        ({"traffic": True}, "traffic", "must be a number, not true"),
        ({"reward": {"low": False}}, "reward.low", "must be a number, not false"),
        ({"minimum_effect": "0.5"}, "minimum_effect", "must be a number, not '0.5'"),
        ({"trafic": 1}, "trafic", "is not a known field; did you mean traffic?"),
        (
            {"policy": {"kind": "magic"}},
            "policy.kind",
            "must be 'fixed', 'thompson' or 'contextual', not 'magic'",
        ),
        ({"policy": {"knd": "fixed"}}, "policy.knd", "is not a known field; did you mean kind?"),
        ({"guardrails": [{"metric": "seconds"}]}, "guardrails[0].limit", "must be given"),
        ({"reward": {"window_hours": float("inf")}}, "reward.window_hours", "must be a finite number, not inf"),
        ({"control": "z"}, "", "control must be one of the variants: a, b"),
    ],
)
def test_a_fault_names_its_field_and_the_rule(change: dict[str, Any], field: str, what: str) -> None:
    definition = {"id": "x", "title": "X", "variants": [{"name": "a"}, {"name": "b"}], **change}
    with pytest.raises(DefinitionFaulty) as raised:
        parse_definition(definition)
    assert raised.value.faults == ((field, what),)
    assert (f"{field}: {what}" if field else what) in raised.value.message


def test_every_fault_is_told() -> None:
    with pytest.raises(DefinitionFaulty) as raised:
        parse_definition({"id": "x", "traffic": 7})
    assert [field for field, _ in raised.value.faults] == ["title", "variants", "traffic"]
