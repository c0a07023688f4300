"""``POST /predict`` and ``POST /predict/batch`` of the viral service."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import orjson

from serving.http import Request, Response
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot, ServedModel, ServedRollout
from serving.problems import FieldError, Problem, invalid_fields
from serving.recorder import Recorder, new_identities
from serving.shadow import Asked
from serving.trial import Row, Trial
from serving.validation import BodyValidator
from serving.viral_schema import (
    DEFAULT_EXPLAIN,
    MAX_EXPLAIN,
    BatchRequest,
    PredictRequest,
)

#: Clocks of backends differ.
CLOCK_SLACK = timedelta(hours=1)
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
Answer = dict[str, Any]


class ViralApi:
    """The hot path: validated dictionaries in, one reference to a model, answers out, a line in the spool."""

    def __init__(
        self,
        slot: ModelSlot,
        recorder: Recorder,
        metrics: ServiceMetrics,
        max_body_bytes: int,
        trial: Trial,
    ) -> None:
        self._slot = slot
        self._trial = trial
        self._recorder = recorder
        self._metrics = metrics
        self._answered = metrics.answers("model")
        self._limit = max_body_bytes
        names = list(PredictRequest.__annotations__)
        self._one = BodyValidator(PredictRequest, names)
        self._many = BodyValidator(BatchRequest, [*names, "videos"])

    async def predict(self, request: Request) -> Response:
        """Answer for one video, in the event loop: handing it to a thread costs more than the answer."""
        body = await request.json_body(self._limit)
        model = self._model()
        inputs = self._one.parse(body)
        explain = _explain(request, inputs.pop("explain", None), DEFAULT_EXPLAIN)
        received = datetime.now(UTC)
        if faults := _dated(inputs, received):
            raise invalid_fields(faults)
        if (rollout := self._slot.rollout) is not None:
            return self._answer_tried(rollout, model, [inputs], explain, received, one=True)
        started = perf_counter()
        answer: Answer = model.predictor.predict_one(inputs, explain=explain)
        latency = round((perf_counter() - started) * 1000, 3)
        identity = new_identities(1)[0]
        (told,) = self._kept([(identity, inputs, answer)], model, latency, received)
        return _json(told)

    async def predict_batch(self, request: Request) -> Response:
        """Answer for at most 100 videos. Explained batches take long and go to a thread."""
        body = await request.json_body(self._limit)
        model = self._model()
        parsed = self._many.parse(body)
        explain = _explain(request, parsed.get("explain"), 0)
        if explain:
            return await asyncio.to_thread(self._answer_batch, model, parsed["videos"], explain)
        return self._answer_batch(model, parsed["videos"], 0)

    def _answer_batch(self, model: ServedModel, videos: list[dict[str, Any]], explain: int) -> Response:
        received = datetime.now(UTC)
        faults = [
            fault
            for place, inputs in enumerate(videos)
            for fault in _dated(inputs, received, f"videos[{place}].")
        ]
        if faults:
            raise invalid_fields(faults)
        if (rollout := self._slot.rollout) is not None:
            return self._answer_tried(rollout, model, videos, explain, received, one=False)
        started = perf_counter()
        answers: list[Answer] = model.predictor.predict_many(videos, explain=explain)
        latency = (perf_counter() - started) * 1000
        share = round(latency / len(videos), 4)
        rows = list(zip(new_identities(len(videos)), videos, answers, strict=True))
        return _batch(self._kept(rows, model, share, received), model.version, latency)

    def _answer_tried(
        self,
        rollout: ServedRollout,
        champion: ServedModel,
        videos: list[dict[str, Any]],
        explain: int,
        received: datetime,
        *,
        one: bool,
    ) -> Response:
        """As the rest, while a version is tried: each video has the answer of the version that is its own."""
        asked = [
            Asked.of(identity, inputs.get("video_id"), inputs["taken_at"], inputs)
            for identity, inputs in zip(new_identities(len(videos)), videos, strict=True)
        ]

        def keep(rows: list[Row], tried: bool, latency: float) -> list[Answer]:
            return self._kept(rows, rollout.model if tried else champion, latency, received)

        told, latency = self._trial.answers(
            rollout, champion.predictor, videos, asked, keep, explain=explain, one=one
        )
        return _json(told[0]) if one else _batch(told, champion.version, latency)

    def _model(self) -> ServedModel:
        model = self._slot.current
        if model is None:
            raise Problem(503, self._slot.why_empty(), headers=((b"retry-after", b"5"),))
        return model

    def _kept(self, rows: list[Row], model: ServedModel, latency: float, received: datetime) -> list[Answer]:
        """The answers as they are told, recorded and counted; ``latency`` is of each, in milliseconds."""
        self._recorder.record(
            [
                (identity, inputs.get("video_id"), inputs["taken_at"], _known(inputs), answer)
                for identity, inputs, answer in rows
            ],
            version=model.version,
            latency_ms=latency,
            received_at=received,
        )
        self._answered(len(rows))
        self._metrics.count_predictions([answer["viral_class"] for _, _, answer in rows])
        return [_complete(answer, model.version, identity, latency) for identity, _, answer in rows]


def _dated(inputs: dict[str, Any], received: datetime, path: str = "") -> list[FieldError]:
    """Date a snapshot that has no time of its own, in place; what is wrong with the times that it has."""
    taken = inputs.get("taken_at")
    if taken is None:
        taken = inputs["taken_at"] = received
    elif taken > received + CLOCK_SLACK:
        return [
            FieldError(
                f"{path}taken_at", f"{path}taken_at lies in the future: it is when the counts were read."
            )
        ]
    previous = inputs.get("previous_taken_at")
    if previous is not None and previous >= taken:
        name = f"{path}previous_taken_at"
        return [FieldError(name, f"{name} must lie before taken_at (default: now).")]
    return []


def _known(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs without those that are null: absent and null say the same."""
    if None not in inputs.values():
        return inputs
    return {name: value for name, value in inputs.items() if value is not None}


def _complete(answer: Answer, version: str, identity: str, latency: float) -> Answer:
    return {**answer, "model_version": version, "prediction_id": identity, "prediction_time_ms": latency}


def _batch(predictions: list[Answer], version: str, latency: float) -> Response:
    return _json(
        {
            "predictions": predictions,
            "count": len(predictions),
            "model_version": version,
            "prediction_time_ms": round(latency, 3),
        }
    )


def _explain(request: Request, wanted: bool | int | None, default: int) -> int:
    """How many features to explain by: the body's word, else the query's, else the default."""
    if wanted is None:
        text = request.query("explain")
        if text is None:
            return default
        word = text.lower()
        if word in ("true", "false", ""):
            wanted = word != "false"
        elif word.isascii() and word.isdigit() and len(word) < 4 and int(word) <= MAX_EXPLAIN:
            wanted = int(word)
        else:
            message = f"explain must be true, false or a whole number from 0 to {MAX_EXPLAIN}."
            raise invalid_fields([FieldError("explain", message)])
    if wanted is True:
        return DEFAULT_EXPLAIN
    return int(wanted)


def _json(answer: Answer) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS))
