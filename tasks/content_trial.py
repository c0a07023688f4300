"""Published contents and versions that are tried: a canary looks at its share, a shadow at what production did.

What a shadow says is kept to be compared, and so is what was given where nothing else keeps it. None of this
holds up the work: where a canary fails, production answers; a shadow is asked after all is stored, in a thread
of its own, and what there is no time for is dropped.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, TypeVar

from config.errors import DatabaseError, StoreError
from models.analysis import FAMILIES as ANALYSIS
from models.analysis import analyze_by, digest, kept
from models.moderation.decide import policy_from_settings
from models.moderation.judging import TextScores, compared, score_texts, whole_text
from storage.contents import StoredContent
from storage.shadow_answers import insert_shadow_answers
from tasks.content_judging import SPACE, Seen
from tasks.content_models import ContentModels, InUse, Tried
from tasks.platform import Platform

R = TypeVar("R")


def by_own(
    models: ContentModels,
    family: str,
    contents: Sequence[StoredContent],
    ask: Callable[[InUse | None, Sequence[StoredContent]], Sequence[R]],
) -> list[tuple[R, InUse | None]]:
    """What each of ``contents`` is answered, and by which version: the canary's share by the canary, and by
    production where that fails.

    Args:
        models: the versions.
        family: whose.
        contents: in the order of the answer.
        ask: (a version, some of them) -> the answer to each.
    """
    production, tried = models.known(family)
    found: dict[str, tuple[R, InUse | None]] = {}
    its = [one for one in contents if tried is not None and tried.canary and tried.takes(one.id)]
    if tried is not None and its:
        try:
            answers = zip(its, ask(tried.model, its), strict=True)
            found = {one.id: (answer, tried.model) for one, answer in answers}
        except (StoreError, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, production answers
            _failed(models, tried, family, error)
    rest = [one for one in contents if one.id not in found]
    if rest:
        found |= {one.id: (answer, production) for one, answer in zip(rest, ask(production, rest), strict=True)}
    return [found[one.id] for one in contents]


def analyzed(models: ContentModels, contents: Sequence[StoredContent]) -> list[dict[str, Any]]:
    """The analysis of each, every part by the version that is the content's own."""
    production, trials = zip(*(models.known(name) for name in ANALYSIS), strict=True)
    own = [
        tuple(
            tried.model if tried is not None and tried.canary and tried.takes(one.id) else model
            for tried, model in zip(trials, production, strict=True)
        )
        for one in contents
    ]
    tried_of = dict(zip(ANALYSIS, trials, strict=True))

    def failed(family: str, _count: int, error: Exception) -> None:
        if (tried := tried_of[family]) is not None:
            _failed(models, tried, family, error)

    return analyze_by(
        own,
        production,
        models.analyzer,
        [one.text or "" for one in contents],
        [one.title for one in contents],
        [one.tags for one in contents],
        failed,
    )


def compare_analyses(
    parts: Platform,
    models: ContentModels,
    contents: Sequence[StoredContent],
    analyses: Sequence[Mapping[str, Any]],
    at: datetime,
) -> None:
    """While a version of a part of the analysis is tried: keep what was answered, and ask a shadow the same."""
    for place, name in enumerate(ANALYSIS):
        production, tried = models.known(name)
        if tried is None or production is None:
            continue
        kept_of = _Compared(parts, models, name, tried, at)
        said = [
            (one, analysis["parts"][name], kept(name, analysis))
            for one, analysis in zip(contents, analyses, strict=True)
        ]
        alone = [tried.model if number == place else None for number in range(len(ANALYSIS))]

        def ask(some: Sequence[StoredContent], name: str = name, alone: Any = alone) -> list[dict[str, Any]]:
            texts, titles = [one.text or "" for one in some], [one.title for one in some]
            return [kept(name, each) for each in models.analyzer(alone).part(name, texts, titles)]

        kept_of.later(said, ask)


def compare_texts(
    parts: Platform,
    models: ContentModels,
    decided: Sequence[tuple[StoredContent, Seen, Mapping[str, Any]]],
    at: datetime,
) -> None:
    """While a version of ``moderation`` is tried unseen: have it decide about the same.

    Args:
        parts: the platform.
        models: the versions.
        decided: contents with what came of their pictures, and the decision as it was kept.
        at: now, UTC.
    """
    _, tried = models.known("moderation")
    worded = {one.id: (one, seen, row["id"]) for one, seen, row in decided if row["version"] is not None}
    if tried is None or not worded:
        return
    policy = policy_from_settings(parts.settings)

    def ask(some: Sequence[StoredContent]) -> list[dict[str, Any]]:
        scored = score_texts(tried.model.predictor, [whole_text(one.title, one.text) for one in some], policy)
        return [_decision(parts, text, worded[one.id][1]) for one, text in zip(some, scored, strict=True)]

    kept_of = _Compared(
        parts, models, "moderation", tried, at, {name: row for name, (_, _, row) in worded.items()}
    )
    kept_of.later([(one, None, {}) for one, _, _ in worded.values()], ask)


def compare_pictures(
    parts: Platform,
    models: ContentModels,
    looked: Sequence[tuple[StoredContent, Seen]],
    look: Callable[[StoredContent, InUse], Seen],
    at: datetime,
) -> None:
    """While a version of ``imagery`` is tried: keep what follows of the pictures, and have a shadow look too.
    What no model could look at compares nothing.

    Args:
        parts: the platform.
        models: the versions.
        looked: contents with pictures or frames, and what came of them.
        look: (a content, a version) -> what comes of its pictures; keeps nothing.
        at: now, UTC.
    """
    _, tried = models.known("imagery")
    said = [(one, seen.version, _decision(parts, TextScores({}), seen)) for one, seen in looked if seen.scores]
    if tried is None or not said:
        return

    def ask(some: Sequence[StoredContent]) -> list[dict[str, Any]]:
        return [_decision(parts, TextScores({}), look(one, tried.model)) for one in some]

    _Compared(parts, models, "imagery", tried, at).later(said, ask)


@dataclass(frozen=True)
class _Compared:
    """What is kept of one family while a version of it is tried; ``ids`` of what was given, where that is kept
    elsewhere.
    """

    parts: Platform
    models: ContentModels
    family: str
    tried: Tried
    at: datetime
    ids: Mapping[str, uuid.UUID] | None = None

    def later(
        self,
        said: Sequence[tuple[StoredContent, str | None, Mapping[str, Any]]],
        ask: Callable[[Sequence[StoredContent]], Sequence[Mapping[str, Any]]],
    ) -> None:
        """Keep each (content, version, answer), and ask a shadow its share of the same."""
        its = [one for one, _, _ in said if not self.tried.canary and self.tried.takes(one.id)]

        def work() -> None:
            if self.ids is None:
                self._keep([(one, version, answer) for one, version, answer in said if version], None)
            if its:
                began = perf_counter()
                answers = list(zip(its, ask(its), strict=True))
                latency = (perf_counter() - began) * 1000 / len(its)
                version = self.tried.model.version
                self._keep([(one, version, answer) for one, answer in answers], latency)

        if its or self.ids is None:
            self.models.later.do(f"Comparing version {self.tried.model.version} of {self.family}", work)

    def _keep(
        self, said: Sequence[tuple[StoredContent, str, Mapping[str, Any]]], latency: float | None
    ) -> None:
        rows = [
            {
                "id": self.ids[one.id] if self.ids is not None else self._id(one),
                "model_version": version,
                "family": self.family,
                "entity_id": one.id,
                "at": self.at,
                "answer": answer,
                "latency_ms": latency,
                "received_at": self.at,
                "people": [one.creator_id] if one.creator_id else [],
            }
            for one, version, answer in said
        ]
        insert_shadow_answers(self.parts.engine, rows, settings=self.parts.settings)

    def _id(self, one: StoredContent) -> uuid.UUID:
        """Of the question about this revision in this rollout: asked again, it is the same one. Not so where
        names are compared, which each process tells apart by a key of its own.
        """
        process = digest("") if self.family == "entities" else ""
        rollout = self.tried.rollout.id
        return uuid.uuid5(SPACE, f"{self.family}\n{one.id}\n{one.revision}\n{rollout}\n{process}")


def _decision(parts: Platform, text: TextScores, seen: Seen) -> dict[str, Any]:
    policy = policy_from_settings(parts.settings)
    return compared(text, policy, pictures=seen.scores, frames=seen.frames, missing=seen.missing)


def _failed(models: ContentModels, tried: Tried, family: str, error: Exception) -> None:
    models.later.complain(
        "version %s of %s, which is tried, failed and production answers: %s",
        tried.model.version,
        family,
        error,
    )
