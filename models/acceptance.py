"""Whether answers to a family's probe are possible ones: what all families ask in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.errors import ModelInvalid


def check_answers(
    answers: Sequence[Mapping[str, Any]], asked: int, fault: Callable[[Mapping[str, Any]], str | None]
) -> None:
    """Raise unless there is a possible answer to each question.

    Args:
        answers: of the model.
        asked: how many questions there were.
        fault: what is wrong with an answer, a few words; None: nothing.

    Raises:
        ModelInvalid: the message names the first answer that is not possible, and why.
    """
    if len(answers) != asked:
        raise ModelInvalid(f"The model gave {len(answers)} answers to {asked} questions.")
    for number, found in enumerate(answers):
        if reason := fault(found):
            raise ModelInvalid(f"The model's answer to probe {number} is not possible: {reason}.")
