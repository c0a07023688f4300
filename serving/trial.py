"""Who answers while a version is tried beside the one in production, and what it is asked unseen.

Only called while there is a rollout: without one a request looks at one attribute of the slot, and no more.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from config.errors import ModelInvalid
from serving.model_slot import CANARY, SHADOW, ServedRollout
from serving.rollout_figures import RolloutFigures
from serving.shadow import Answers, Asked, Shadow

logger = logging.getLogger(__name__)

COMPLAIN_SECONDS = 10.0
Answer = TypeVar("Answer")
Question = dict[str, Any]
#: Identity, question and answer.
Row = tuple[str, Question, Question]


@dataclass(frozen=True, slots=True)
class Part(Generic[Answer]):
    """Answers of one version: to which places of the request, whether it is the one that is tried, and the
    milliseconds that each took.
    """

    tried: bool
    places: Sequence[int]
    answers: Sequence[Answer]
    latency_ms: float


class Trial:
    """Lets a canary answer its share, and offers a shadow its own."""

    def __init__(self, shadow: Shadow, figures: RolloutFigures) -> None:
        self._shadow, self._figures = shadow, figures
        self._complained = 0.0

    def takes(self, rollout: ServedRollout, identity: str) -> bool:
        """Whether the tried version answers the question about ``identity``."""
        return rollout.mode == CANARY and rollout.takes(identity)

    def many(
        self,
        rollout: ServedRollout,
        champion: Any,
        identities: Sequence[str],
        ask: Callable[[Any, list[int]], Sequence[Answer]],
    ) -> list[Part[Answer]]:
        """The answers to all questions of a request, by who gave them; where the tried version fails, the one
        in production does.

        Args:
            rollout: what is tried.
            champion: predictor of the version in production.
            identities: of each question.
            ask: (a predictor, places of questions) -> its answer to each.
        """
        its = [place for place, identity in enumerate(identities) if self.takes(rollout, identity)]
        parts: list[Part[Answer]] = []
        if its:
            try:
                parts.append(_timed(True, its, lambda: ask(rollout.model.predictor, its)))
                self.count(rollout, True, len(its))
            except Exception as error:  # noqa: BLE001 - whatever it is, production answers
                self.failed(rollout, len(its), error)
                its = []
        taken = set(its)
        rest = [place for place in range(len(identities)) if place not in taken]
        return [*parts, _timed(False, rest, lambda: ask(champion, rest))] if rest else parts

    def answers(
        self,
        rollout: ServedRollout,
        champion: Any,
        questions: Sequence[Question],
        asked: Sequence[Asked],
        keep: Callable[[list[Row], bool, float], list[Question]],
        *,
        explain: int,
        one: bool,
    ) -> tuple[list[Question], float]:
        """The answers to a request's questions in their order, each by the version that is its own, and the
        milliseconds that they took together. A shadow is asked the same, to explain nothing.

        Args:
            rollout: what is tried.
            champion: predictor of the version in production.
            questions: as ``predict_one`` and ``predict_many`` take them.
            asked: the same, as a shadow is asked them.
            keep: (identity, question and answer of each; whether the tried version gave them; the milliseconds
                that each took) -> the answers as they are told. Records them, too.
            explain: by how many features an answer is explained.
            one: whether the request is about one alone.
        """

        def ask(predictor: Any, places: list[int], explained: int = explain) -> list[Question]:
            its = [questions[place] for place in places]
            if one:
                return [predictor.predict_one(its[0], explain=explained)]
            return list(predictor.predict_many(its, explain=explained))

        started = time.perf_counter()
        parts = self.many(rollout, champion, [each.entity or each.id for each in asked], ask)
        latency = (time.perf_counter() - started) * 1000
        told: dict[int, Question] = {}
        for part in parts:
            rows = [
                (asked[place].id, questions[place], answer)
                for place, answer in zip(part.places, part.answers, strict=True)
            ]
            told.update(zip(part.places, keep(rows, part.tried, part.latency_ms), strict=True))
        texts = (each for question in questions for each in question.values() if isinstance(each, str))
        self.unseen(rollout, asked, lambda predictor, places: ask(predictor, places, 0), texts)
        return [told[place] for place in range(len(questions))], latency

    def unseen(
        self,
        rollout: ServedRollout,
        asked: Sequence[Asked],
        ask: Callable[[Any, list[int]], Answers],
        texts: Iterable[str] = (),
        names: Sequence[str] | None = None,
    ) -> None:
        """Have a shadow asked, later and elsewhere, those of ``asked`` that are its share.

        Args:
            rollout: what is tried; a canary is asked nothing here.
            asked: what was answered.
            ask: (a predictor, places in ``asked``) -> its answer to each.
            texts: the long ones that ``ask`` holds in memory while it waits.
            names: what each is known by, for its share; None: by its entity, or else its id.
        """
        if rollout.mode != SHADOW:
            return
        names = [one.entity or one.id for one in asked] if names is None else names
        its = [place for place, name in enumerate(names) if rollout.takes(name)]
        if its:
            predictor, size = rollout.model.predictor, sum(map(sys.getsizeof, texts))
            self._shadow.offer(rollout, [asked[place] for place in its], lambda: ask(predictor, its), size)

    def given(self, family: str, version: str, asked: Sequence[Asked], answers: Answers) -> None:
        """While a version of ``family`` is tried: keep what ``version`` answered, as it is compared.

        Of families whose answers nothing else keeps.
        """
        self._shadow.given(family, version, asked, answers)

    def count(self, rollout: ServedRollout, answered: bool, number: int = 1) -> None:
        """Count questions that a canary answered, or failed to."""
        counts = self._figures.counts(rollout.family, rollout.mode)
        (counts.answered if answered else counts.failed)(number)

    def failed(self, rollout: ServedRollout, number: int, error: Exception) -> None:
        """Count questions that it failed on; the log is told now and then."""
        self.count(rollout, False, number)
        if time.monotonic() - self._complained > COMPLAIN_SECONDS:
            self._complained = time.monotonic()
            logger.error(
                "version %s, which is tried, failed and production answers: %s",
                rollout.model.version,
                error,
                exc_info=error,
            )


def _timed(tried: bool, places: Sequence[int], ask: Callable[[], Sequence[Answer]]) -> Part[Answer]:
    started = time.perf_counter()
    answers = ask()
    if len(answers) != len(places):
        raise ModelInvalid(f"{len(answers)} answers to {len(places)} questions")
    return Part(tried, places, answers, round((time.perf_counter() - started) * 1000 / len(places), 4))
