"""Asking parts that may be away: what one answers, or what is wrong with it; several at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from config.errors import AssayError
from serving.admin.parts import PATIENCE_SECONDS


@dataclass(frozen=True)
class Answer:
    """What a part answered, or the problem that kept it from answering."""

    value: Any = None
    problem: AssayError | None = None

    @property
    def here(self) -> bool:
        """Whether it answered."""
        return self.problem is None


_LATE = Answer(
    problem=AssayError(
        f"A part has not answered within {PATIENCE_SECONDS} s.", hint="`assay status` shows which."
    )
)


def ask(question: Callable[[], Any]) -> Answer:
    """The answer to ``question``, whatever error of ours it raises."""
    try:
        return Answer(question())
    except AssayError as error:
        return Answer(problem=error)


def together(*questions: Callable[[], Any], patience: float = PATIENCE_SECONDS + 0.5) -> list[Answer]:
    """The answers to all questions, asked at once: as slow as the slowest, and no slower than ``patience``."""
    pool = ThreadPoolExecutor(len(questions), thread_name_prefix="ask")
    try:
        asked = [pool.submit(ask, question) for question in questions]
        wait(asked, timeout=patience)
        return [one.result() if one.done() else _LATE for one in asked]
    finally:
        pool.shutdown(wait=False)  # who still waits for a part that is away does so alone


def problems(*answers: Answer) -> list[AssayError]:
    """What is wrong, each thing once."""
    found = {str(answer.problem): answer.problem for answer in answers if answer.problem is not None}
    return list(found.values())
