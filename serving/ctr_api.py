"""``POST /predict/ctr`` of the CTR service."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from models.ctr.heuristic import HeuristicPredictor
from serving.ctr_knowledge import Knowledge
from serving.ctr_question import Question, faults, place
from serving.ctr_schema import DEFAULT_EXPLAIN, BatchRequest, PredictRequest
from serving.http import Request, Response
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot, ServedRollout
from serving.problems import FieldError, invalid_fields
from serving.recorder import Recorder, new_identities
from serving.shadow import Asked
from serving.trial import Row, Trial
from serving.validation import BodyValidator

MODEL, HEURISTIC = "model", "heuristic"
#: The key of a request about many. In JSON a quote within a text is escaped, so that no text looks like it.
MANY = re.compile(rb'"clips"\s*:')
PATH = "clips[{}]."
#: A hundred clips with titles are half as long; a body as long as may be takes a tenth of a second.
LONG_BODY = 150_000
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
Answer = dict[str, Any]


class Answerer:
    """Who answers a request, from its beginning to its end: a version, or the heuristic while there is none."""

    __slots__ = ("by", "predictor", "version")

    def __init__(self, predictor: Any, version: str, by: str) -> None:
        self.predictor = predictor
        self.version = version
        self.by = by


class CtrApi:
    """The hot path: validated dictionaries in, one reference to a model, answers out, a line in the spool."""

    def __init__(
        self,
        slot: ModelSlot,
        heuristic: HeuristicPredictor,
        knowledge: Knowledge,
        recorder: Recorder,
        metrics: ServiceMetrics,
        max_body_bytes: int,
        trial: Trial,
    ) -> None:
        self._slot = slot
        self._trial = trial
        self._heuristic = Answerer(heuristic, HEURISTIC, HEURISTIC)
        self._knowledge = knowledge
        self._recorder = recorder
        self._metrics = metrics
        self._answered = {
            MODEL: metrics.answers(MODEL),
            HEURISTIC: metrics.answers(HEURISTIC, fallback=True),
        }
        self._limit = max_body_bytes
        names = list(PredictRequest.__annotations__)
        self._one = BodyValidator(PredictRequest, names)
        self._many = BodyValidator(BatchRequest, [*names, "clips"])

    async def predict(self, request: Request) -> Response:
        """Answer for one clip or for many, in the event loop: a thread costs more than an answer does. Only
        explained batches and those with long texts, which take long, go to one.
        """
        body = await request.json_body(self._limit)
        if not body and (clip_id := request.query("clip_id")):  # as the service before this one was asked
            body = orjson.dumps({"clip_id": clip_id})
        if MANY.search(body):
            return await self._predict_many(self._many.parse(body), len(body) > LONG_BODY)
        question: Question = self._one.parse(body)
        explain = _explain(question.pop("explain", None))
        answerer, now = self._answerer(), datetime.now(UTC)
        if found := [*faults(_dated(question, now))]:
            raise invalid_fields(found)
        if not self._knowledge.complete_now(question, now):
            await self._knowledge.complete([question], now, "")
        if (rollout := self._slot.rollout) is not None and answerer.by == MODEL:
            return self._answer_tried(rollout, answerer, [question], explain, now, one=True)
        started = perf_counter()
        answer: Answer = answerer.predictor.predict_one(question, explain=explain)
        latency = round((perf_counter() - started) * 1000, 3)
        identity = new_identities(1)[0]
        (told,) = self._kept([(identity, question, answer)], answerer, latency, now)
        return _json(told)

    async def _predict_many(self, parsed: dict[str, Any], long: bool) -> Response:
        explain = _explain(parsed.get("explain"))
        answerer, now = self._answerer(), datetime.now(UTC)
        questions: list[Question] = parsed["clips"]
        found: list[FieldError] = []
        for at, question in enumerate(questions):
            place(question, parsed)
            found += faults(_dated(question, now), PATH.format(at))
        if found:
            raise invalid_fields(found)
        waiting = [one for one in questions if not self._knowledge.complete_now(one, now)]
        if waiting:
            await self._knowledge.complete(questions, now, PATH)
        if explain or long:
            return await asyncio.to_thread(self._answer_many, answerer, questions, explain, now)
        return self._answer_many(answerer, questions, explain, now)

    def _answer_many(
        self, answerer: Answerer, questions: list[Question], explain: int, now: datetime
    ) -> Response:
        if (rollout := self._slot.rollout) is not None and answerer.by == MODEL:
            return self._answer_tried(rollout, answerer, questions, explain, now, one=False)
        started = perf_counter()
        answers: list[Answer] = answerer.predictor.predict_many(questions, explain=explain)
        latency = (perf_counter() - started) * 1000
        share = round(latency / len(questions), 4)
        rows = list(zip(new_identities(len(questions)), questions, answers, strict=True))
        return _batch(self._kept(rows, answerer, share, now), answerer, latency)

    def _answer_tried(
        self,
        rollout: ServedRollout,
        champion: Answerer,
        questions: list[Question],
        explain: int,
        now: datetime,
        *,
        one: bool,
    ) -> Response:
        """As the rest, while a version is tried: each clip has the answer of the version that is its own."""
        asked = [
            Asked.of(identity, question.get("clip_id"), question["at"], question)
            for identity, question in zip(new_identities(len(questions)), questions, strict=True)
        ]
        tried = Answerer(rollout.model.predictor, rollout.model.version, MODEL)

        def keep(rows: list[Row], its: bool, latency: float) -> list[Answer]:
            return self._kept(rows, tried if its else champion, latency, now)

        told, latency = self._trial.answers(
            rollout, champion.predictor, questions, asked, keep, explain=explain, one=one
        )
        return _json(told[0]) if one else _batch(told, champion, latency)

    def _answerer(self) -> Answerer:
        model = self._slot.current
        return Answerer(model.predictor, model.version, MODEL) if model else self._heuristic

    def _kept(self, rows: list[Row], answerer: Answerer, latency: float, now: datetime) -> list[Answer]:
        """The answers as they are told, recorded and counted; ``latency`` is of each, in milliseconds."""
        self._recorder.record(
            [
                (identity, one.get("clip_id"), one["at"], _known(one), {**answer, "answered_by": answerer.by})
                for identity, one, answer in rows
            ],
            version=answerer.version,
            latency_ms=latency,
            received_at=now,
        )
        self._answered[answerer.by](len(rows))
        self._metrics.count_predictions([answer["predicted_band"] for _, _, answer in rows])
        return [_complete(answer, answerer, question, identity, latency) for identity, question, answer in rows]


def _dated(question: Question, now: datetime) -> Question:
    if question.get("at") is None:
        question["at"] = now
    return question


def _known(question: Question) -> dict[str, Any]:
    """The inputs without those that are null: absent and null say the same."""
    return {name: value for name, value in question.items() if value is not None}


def _complete(answer: Answer, answerer: Answerer, question: Question, identity: str, latency: float) -> Answer:
    return {
        **answer,
        "answered_by": answerer.by,
        "model_version": answerer.version,
        "clip_id": question.get("clip_id"),
        "prediction_id": identity,
        "prediction_time_ms": latency,
    }


def _batch(predictions: list[Answer], answerer: Answerer, latency: float) -> Response:
    return _json(
        {
            "predictions": predictions,
            "count": len(predictions),
            "answered_by": answerer.by,
            "model_version": answerer.version,
            "prediction_time_ms": round(latency, 3),
        }
    )


def _explain(wanted: bool | int | None) -> int:
    return DEFAULT_EXPLAIN if wanted is True else int(wanted or 0)


def _json(answer: Answer) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS))
