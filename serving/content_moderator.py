"""From content to a decision: scores of the model in service, the policy, and the row that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config.settings import Settings
from models.moderation.decide import APPROVED, Decided, policy_from_settings
from models.moderation.judging import DIGITS, TextScores, compared, judge, score_texts, whole_text
from serving.content_pictures import Looked, together
from serving.content_schema import DEFAULT_KIND
from serving.many_models import ManyModels
from serving.model_slot import ServedModel, ServedRollout
from serving.shadow import Asked
from serving.trial import Trial

Row = dict[str, Any]


class Moderator:
    """Decides about validated requests. Holds no state of a request."""

    def __init__(self, models: ManyModels, settings: Settings, trial: Trial) -> None:
        self._models = models
        self._trial = trial
        self._policy = policy_from_settings(settings)

    def decide_all(
        self,
        rows: Sequence[Row],
        identities: Sequence[str],
        looked: Mapping[int, Sequence[Looked]],
        at: datetime,
    ) -> list[tuple[Row, Row]]:
        """(answer, row to keep) of each request; ``looked`` has the pictures of those that have some."""
        model = self._models.current("moderation")
        texts = [whole_text(row.get("title"), row.get("text")) for row in rows]
        rollout = self._models["moderation"].slot.rollout
        tried: frozenset[int] = frozenset()
        if rollout is None or model is None:
            scored = score_texts(model.predictor if model else None, texts, self._policy)
        else:
            scored, tried = self._scored(rollout, model, texts, rows, identities)
            self._ask_unseen(rollout, texts, rows, identities, looked, at)
        answers = []
        for place, (row, text, scores, identity) in enumerate(
            zip(rows, texts, scored, identities, strict=True)
        ):
            pictures = looked.get(place, ())
            of_images, unseen = together(pictures) if pictures else ({}, ())
            decided, known = judge(scores, self._policy, pictures=of_images, missing=unseen)
            version = rollout.model.version if rollout and place in tried else model.version if model else None
            versions = {
                "moderation": version if text else None,
                "imagery": pictures[0].version if pictures else None,
            }
            answer = self._answer(row, decided, known, pictures, identity, versions, at)
            answers.append((answer, _kept(row, text, decided, known, identity, versions, at)))
        return answers

    def of_pictures(self, looked: Sequence[Looked]) -> Row:
        """What would be decided of these pictures alone."""
        of_images, unseen = together(looked)
        return compared(TextScores({}), self._policy, pictures=of_images, missing=unseen)

    def _scored(
        self,
        rollout: ServedRollout,
        model: ServedModel,
        texts: Sequence[str],
        rows: Sequence[Row],
        identities: Sequence[str],
    ) -> tuple[list[TextScores], frozenset[int]]:
        """While a version is tried: the scores of each text, and which of them are its."""
        names = [row.get("content_id") or identity for row, identity in zip(rows, identities, strict=True)]

        def ask(predictor: Any, places: list[int]) -> list[TextScores]:
            return score_texts(predictor, [texts[place] for place in places], self._policy)

        parts = self._trial.many(rollout, model.predictor, names, ask)
        found = {
            place: scores for part in parts for place, scores in zip(part.places, part.answers, strict=True)
        }
        tried = frozenset(place for part in parts if part.tried for place in part.places)
        return [found[place] for place in range(len(rows))], tried

    def _ask_unseen(
        self,
        rollout: ServedRollout,
        texts: Sequence[str],
        rows: Sequence[Row],
        identities: Sequence[str],
        looked: Mapping[int, Sequence[Looked]],
        at: datetime,
    ) -> None:
        """Have a shadow decide about the same; about what is not to be recorded it is asked nothing."""
        kept = [place for place, row in enumerate(rows) if row.get("record", True)]
        asked = [Asked.of(identities[place], rows[place].get("content_id"), at, rows[place]) for place in kept]
        # what waits holds the pictures' scores, not their files
        pictures = {place: together(looked[place]) for place in kept if looked.get(place)}

        def ask(predictor: Any, places: list[int]) -> list[Row]:
            wanted = [kept[place] for place in places]
            scored = score_texts(predictor, [texts[place] for place in wanted], self._policy)
            found = []
            for place, scores in zip(wanted, scored, strict=True):
                of_images, unseen = pictures.get(place, ({}, ()))
                found.append(compared(scores, self._policy, pictures=of_images, missing=unseen))
            return found

        self._trial.unseen(rollout, asked, ask, texts)

    @staticmethod
    def _answer(
        row: Row,
        decided: Decided,
        scores: Mapping[str, float],
        looked: Sequence[Looked],
        identity: str,
        versions: Mapping[str, str | None],
        at: datetime,
    ) -> Row:
        answer: Row = {
            "id": identity,
            "content_id": row.get("content_id"),
            "content_type": row.get("content_type") or DEFAULT_KIND,
            "decision": decided.decision,
            "is_safe": decided.decision == APPROVED,
            "flags": decided.flags,
            "confidence": round(1.0 - decided.uncertainty, DIGITS),
            "scores": scores,
            "reasons": [reason.as_json() for reason in decided.reasons],
            "language": row.get("language"),
            "versions": versions,
            "at": at,
        }
        if looked:
            answer["images"] = [one.as_entry(index) for index, one in enumerate(looked)]
        return answer


def _kept(
    row: Row,
    text: str,
    decided: Decided,
    scores: Mapping[str, float],
    identity: str,
    versions: Mapping[str, str | None],
    at: datetime,
) -> Row:
    """The decision as ``storage.moderation.insert_decisions`` takes it."""
    return {
        "id": identity,
        "content_id": row.get("content_id"),
        "content_kind": row.get("content_type") or DEFAULT_KIND,
        "creator_id": row.get("creator_id"),
        "at": at,
        "text": text or None,
        "language": row.get("language"),
        "images": [],
        "decision": decided.decision,
        "scores": scores,
        "reasons": [reason.as_json() for reason in decided.reasons],
        "uncertainty": decided.uncertainty,
        "version": versions["moderation"],
        "image_version": versions["imagery"],
        "received_at": at,
    }
