"""Load and ask: texts that a version must answer possibly before it is promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from config.errors import ModelInvalid
from models.entities.options import EntityOptions
from models.text.schema import INPUT_SCHEMA

_TEXTS = (
    "Emma Watson was in Paris with @bob today.",
    "no names here",
    "",
    "😍 https://t.co/x #fun",
    "Aa " * 3000,
)


def probe(_options: EntityOptions) -> pa.Table:
    """A few texts: with names, without, empty, without a word, and long."""
    return pa.Table.from_pylist([{"text": text} for text in _TEXTS], schema=INPUT_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], _options: EntityOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    if len(answers) != len(_TEXTS):
        raise ModelInvalid(f"The model gave {len(answers)} answers to {len(_TEXTS)} questions.")
    for number, (text, found) in enumerate(zip(_TEXTS, answers, strict=True)):
        reason = _fault(text, found)
        if reason:
            raise ModelInvalid(f"The model's answer to probe {number} is not possible: {reason}.")


def _fault(text: str, found: Mapping[str, Any]) -> str | None:
    end = 0
    try:
        for each in found["entities"]:
            if not end <= each["start"] < each["end"] <= len(text):
                return f"its names overlap or lie outside the text: {each}"
            if text[each["start"] : each["end"]] != each["text"] or not each["type"]:
                return f"its name {each} is not what stands there"
            end = each["end"]
    except (KeyError, TypeError) as error:
        return f"it lacks or garbles a field ({error!r})"
    return None
