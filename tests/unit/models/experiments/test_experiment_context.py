from typing import Any

import pytest

from config.errors import InputError
from models.experiments.context import check_context
from models.experiments.definition import parse_definition

DEFINITION = parse_definition(
    {
        "id": "x",
        "title": "x",
        "variants": [{"name": "a"}, {"name": "b"}],
        "context": [
            {"name": "device", "required": True},
            {"name": "hour", "kind": "number"},
            {"name": "segment"},
        ],
    }
)


def test_a_context_comes_back_in_the_order_of_its_fields_with_numbers_as_floats() -> None:
    found = check_context(DEFINITION, {"segment": "ü | : \n", "hour": 7, "device": "phone"})
    assert list(found.items()) == [("device", "phone"), ("hour", 7.0), ("segment", "ü | : \n")]
    assert isinstance(found["hour"], float)


def test_fields_that_are_not_required_may_be_left_out_or_none() -> None:
    assert check_context(DEFINITION, {"device": "phone", "hour": None}) == {"device": "phone"}


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (True, "true"), (False, "false")])
def test_ids_and_truth_values_are_categories(value: Any, text: str) -> None:
    assert check_context(DEFINITION, {"device": value}) == {"device": text}


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (None, "device is missing"),
        ({}, "device is missing"),
        ({"device": None}, "device is missing"),
        ({"device": "p", "hour": "7"}, "hour must be a number"),
        ({"device": "p", "hour": True}, "hour must be a number"),
        ({"device": "p", "hour": float("nan")}, "hour must be a number between"),
        ({"device": "p", "hour": float("inf")}, "hour must be a number between"),
        ({"device": "p", "hour": 10**400}, "hour must be a number between"),
        ({"device": "p", "hour": [1]}, "hour must be a number"),
        ({"device": 1.5}, "device must be text"),
        ({"device": ["p"]}, "device must be text"),
        ({"device": 10**5000}, "device must be text"),
        ({"device": "p" * 201}, "device must be at most 200 characters"),
        ({"device": "p\0"}, "device has a character that is no text"),
        ({"device": "\ud83d"}, "device has a character that is no text"),
        ({"device": "p", "colour": 1}, "'colour' is no field of this experiment"),
        ({"device": "p", 3: 1}, "'3' is no field of this experiment"),
        (["device"], "must be an object"),
        ("device", "must be an object"),
    ],
)
def test_what_does_not_fit_is_named(context: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_context(DEFINITION, context)
    assert words in caught.value.message


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        check_context(DEFINITION, {"hour": "x", "colour": 1})
    assert all(words in caught.value.message for words in ("device is", "hour must", "'colour' is"))
    assert caught.value.hint == "Its fields are: device (category), hour (number), segment (category)."
