"""The analysis of texts while versions of its families are tried: who answers, and what is kept to compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from serving.content_analysis import FAMILIES, AnalysisParts, Served, texts_of
from serving.many_models import ManyModels
from serving.model_slot import ServedRollout
from serving.recorder import new_identities
from serving.shadow import Asked
from serving.trial import Trial

Row = dict[str, Any]


class TriedAnalysis:
    """Analyses by the versions in service, and by those that are tried. Holds no state of a request."""

    def __init__(self, parts: AnalysisParts, models: ManyModels, trial: Trial) -> None:
        self._parts, self._trial = parts, trial
        self._slots = [models[name].slot for name in FAMILIES]

    def analyze(self, rows: Sequence[Row], served: Served, at: datetime) -> list[Row]:
        """The analysis of each validated request. Not for the event loop.

        Args:
            rows: requests.
            served: the versions in service.
            at: now, in UTC.
        """
        trials = [slot.rollout if model else None for slot, model in zip(self._slots, served, strict=True)]
        if not any(trials):
            return self._parts.analyzer(served).analyze(**texts_of(rows))
        identities = new_identities(len(rows))
        names = [row.get("content_id") or one for row, one in zip(rows, identities, strict=True)]
        own = [
            tuple(
                one.model if one is not None and self._trial.takes(one, name) else model
                for one, model in zip(trials, served, strict=True)
            )
            for name in names
        ]
        answers = self._answers(rows, own, served, trials)
        for place, rollout in enumerate(trials):
            if rollout is not None:
                self._compare(place, rollout, rows, names, answers, at)
        return answers

    def _answers(
        self, rows: Sequence[Row], own: Sequence[Served], served: Served, trials: Sequence[ServedRollout | None]
    ) -> list[Row]:
        from models.analysis import analyze_by

        its = Counter[str](
            name
            for versions in own
            for name, version, rollout in zip(FAMILIES, versions, trials, strict=True)
            if rollout is not None and version is rollout.model
        )
        by_name = dict(zip(FAMILIES, trials, strict=True))

        def failed(family: str, count: int, error: Exception) -> None:
            its[family] -= count
            if (rollout := by_name[family]) is not None:
                self._trial.failed(rollout, count, error)

        answers = analyze_by(own, served, self._parts.analyzer, **texts_of(rows), failed=failed)
        for family, count in its.items():
            if count and (rollout := by_name[family]) is not None:
                self._trial.count(rollout, True, count)
        return answers

    def _compare(
        self,
        place: int,
        rollout: ServedRollout,
        rows: Sequence[Row],
        names: Sequence[str],
        answers: Sequence[Row],
        at: datetime,
    ) -> None:
        """Keep what this family answered, of no text a word and of no content its id: whose it is, an analysis
        is not told, so that nobody could delete it for them. And have a shadow asked the same.
        """
        from models.analysis import digest, kept

        family = FAMILIES[place]
        asked = [
            Asked(identity, digest(row["content_id"]) if row.get("content_id") else None, at)
            for identity, row in zip(new_identities(len(rows)), rows, strict=True)
        ]
        versions = [answer["parts"][family] for answer in answers]
        for version in sorted(set(versions)):
            those = [number for number, each in enumerate(versions) if each == version]
            said = [kept(family, answers[number]) for number in those]
            self._trial.given(family, version, [asked[number] for number in those], said)
        alone: Served = tuple(rollout.model if number == place else None for number in range(len(FAMILIES)))
        texts = texts_of(rows)

        def ask(_predictor: Any, places: list[int]) -> list[Row]:
            wanted, titles = ([texts[name][number] for number in places] for name in ("texts", "titles"))
            return [kept(family, one) for one in self._parts.analyzer(alone).part(family, wanted, titles)]

        held = [*texts["texts"], *filter(None, texts["titles"])]
        self._trial.unseen(rollout, asked, ask, held, names)
