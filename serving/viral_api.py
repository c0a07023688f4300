"""``POST /predict`` and ``POST /predict/batch`` of the viral service."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import orjson

from serving.http import Request, Response
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot, ServedModel
from serving.problems import FieldError, Problem, invalid_fields
from serving.recorder import Recorder, new_identities
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
    ) -> None:
        self._slot = slot
        self._recorder = recorder
        self._metrics = metrics
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
        started = perf_counter()
        answer: Answer = model.predictor.predict_one(inputs, explain=explain)
        latency = round((perf_counter() - started) * 1000, 3)
        identity = new_identities(1)[0]
        self._record([(identity, inputs, answer)], model, latency, received)
        return _json(_complete(answer, model.version, identity, latency))

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
        started = perf_counter()
        answers: list[Answer] = model.predictor.predict_many(videos, explain=explain)
        latency = (perf_counter() - started) * 1000
        share = round(latency / len(videos), 4)
        rows = list(zip(new_identities(len(videos)), videos, answers, strict=True))
        self._record(rows, model, share, received)
        return _json(
            {
                "predictions": [
                    _complete(answer, model.version, identity, share) for identity, _, answer in rows
                ],
                "count": len(rows),
                "model_version": model.version,
                "prediction_time_ms": round(latency, 3),
            }
        )

    def _model(self) -> ServedModel:
        model = self._slot.current
        if model is None:
            raise Problem(503, self._slot.why_empty(), headers=((b"retry-after", b"5"),))
        return model

    def _record(
        self,
        rows: list[tuple[str, dict[str, Any], Answer]],
        model: ServedModel,
        latency: float,
        received: datetime,
    ) -> None:
        self._recorder.record(
            [
                (identity, inputs.get("video_id"), inputs["taken_at"], _known(inputs), answer)
                for identity, inputs, answer in rows
            ],
            version=model.version,
            latency_ms=latency,
            received_at=received,
        )
        for name, number in Counter([answer["viral_class"] for _, _, answer in rows]).items():
            self._metrics.count_prediction(name, number)


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
