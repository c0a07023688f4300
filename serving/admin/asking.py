"""Asking parts that may be away: what one answers, or what is wrong with it; several at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from config.errors import AssayError


@dataclass(frozen=True)
class Answer:
    """What a part answered, or the problem that kept it from answering."""

    value: Any = None
    problem: AssayError | None = None

    @property
    def here(self) -> bool:
        """Whether it answered."""
        return self.problem is None


def ask(question: Callable[[], Any]) -> Answer:
    """The answer to ``question``, whatever error of ours it raises."""
    try:
        return Answer(question())
    except AssayError as error:
        return Answer(problem=error)


def together(*questions: Callable[[], Any]) -> list[Answer]:
    """The answers to all questions, asked at once: as slow as the slowest."""
    with ThreadPoolExecutor(len(questions), thread_name_prefix="ask") as pool:
        return list(pool.map(ask, questions))


def problems(*answers: Answer) -> list[AssayError]:
    """What is wrong, each thing once."""
    found = {str(answer.problem): answer.problem for answer in answers if answer.problem is not None}
    return list(found.values())
