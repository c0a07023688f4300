"""From content to a decision: scores of the model in service, the policy, and the row that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config.settings import Settings
from models.moderation.decide import APPROVED, Decided, decide, policy_from_settings
from models.moderation.labels import LABELS
from models.text.many_spans import many_spans
from serving.content_pictures import Looked, together
from serving.content_schema import DEFAULT_KIND
from serving.many_models import ManyModels
from serving.model_slot import ServedModel

#: Words of a text that are pointed at, for each label.
MOST_SPANS = 5
DIGITS = 6
Row = dict[str, Any]


def whole_text(row: Mapping[str, Any]) -> str:
    """Title and text as one: what is scored and kept, and what spans count in."""
    return "\n".join([part for part in (row.get("title"), row.get("text")) if part and not part.isspace()])


class Moderator:
    """Decides about validated requests. Holds no state of a request."""

    def __init__(self, models: ManyModels, settings: Settings) -> None:
        self._models = models
        self._policy = policy_from_settings(settings)
        #: Below this nothing follows from a label's score, and nobody asks which words weighed.
        self._from = {label: at * self._policy.flag_at for label, at in self._policy.thresholds.items()}

    def decide_all(
        self,
        rows: Sequence[Row],
        identities: Sequence[str],
        looked: Mapping[int, Sequence[Looked]],
        at: datetime,
    ) -> list[tuple[Row, Row]]:
        """(answer, row to keep) of each request; ``looked`` has the pictures of those that have some."""
        model = self._models.current("moderation")
        imagery = self._models.version("imagery")
        texts = [whole_text(row) for row in rows]
        scores = _scores(model, texts)
        spans = self._spans(model, texts, scores)
        return [
            self._one(row, text, found, spans.get(place), looked.get(place, ()), identity, model, imagery, at)
            for place, (row, text, found, identity) in enumerate(
                zip(rows, texts, scores, identities, strict=True)
            )
        ]

    def _spans(
        self, model: ServedModel | None, texts: Sequence[str], scores: Sequence[Mapping[str, float] | None]
    ) -> dict[int, dict[str, list[list[int]]]]:
        """The words behind each score from which something may follow, by place of the text."""
        heads = {
            place: wanted
            for place, found in enumerate(scores)
            if found
            and (wanted := [number for number, name in enumerate(LABELS) if found[name] >= self._from[name]])
        }
        if model is None or not heads:
            return {}
        found = many_spans(
            model.predictor.linear, [texts[place] for place in heads], list(heads.values()), MOST_SPANS
        )
        return {
            place: {LABELS[number]: words for number, words in by_head.items()}
            for place, by_head in zip(heads, found, strict=True)
        }

    def _one(
        self,
        row: Row,
        text: str,
        scores: Mapping[str, float] | None,
        spans: Mapping[str, Sequence[Sequence[int]]] | None,
        looked: Sequence[Looked],
        identity: str,
        model: ServedModel | None,
        imagery: str | None,
        at: datetime,
    ) -> tuple[Row, Row]:
        missing: tuple[str, ...] = ("text",) if scores is None else ()
        known: dict[str, float] = dict(scores or {})
        if looked:
            of_images, unseen = together(looked)
            known |= of_images
            missing += unseen
        known = {label: round(score, DIGITS) for label, score in known.items()}
        decided = decide(known, self._policy, spans=spans, missing=missing)
        versions = {
            "moderation": model.version if model and text else None,
            "imagery": imagery if looked else None,
        }
        return self._answer(row, decided, known, looked, identity, versions, at), _kept(
            row, text, decided, known, identity, versions, at
        )

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


def _scores(model: ServedModel | None, texts: Sequence[str]) -> list[dict[str, float] | None]:
    """Scores of each text by label: none of a text that is empty, None where there is no model."""
    asked = [text for text in texts if text]
    if model is None:
        return [None if text else {} for text in texts]
    found = iter(model.predictor.score(asked).tolist() if asked else ())
    return [dict(zip(LABELS, next(found), strict=True)) if text else {} for text in texts]
