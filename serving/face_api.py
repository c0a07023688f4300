"""``POST /predict`` and ``GET /classes`` of the face service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from config.settings import Settings
from models.face.aggregate import aggregate
from models.images.limits import ImageLimits, Room
from serving.admission import Admission, busy
from serving.face_images import ImageResult, look_at
from serving.face_request import faults
from serving.face_schema import PredictRequest
from serving.http import Request, Response
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot, ServedModel, ServedRollout
from serving.problems import FieldError, Problem, internal_error, invalid_fields
from serving.recorder import Recorder, new_identities
from serving.shadow import Asked
from serving.threads import in_pool
from serving.trial import Trial
from serving.validation import BodyValidator

#: A larger body is parsed in a thread: the event loop answers others meanwhile.
INLINE_BYTES = 262_144
#: Images that may wait or be worked on, for each thread: some tenths of a second of usual photos.
WAITING_PER_THREAD = 32
#: Bodies of the largest size that are held at once.
LARGEST_BODIES = 2
NONE = "none of these"


class FaceApi:
    """Decoding, finding the face and the network release the interpreter's lock: they run in a few threads,
    an image each, and the event loop only reads, passes on, and writes.
    """

    def __init__(
        self,
        settings: Settings,
        slot: ModelSlot,
        recorder: Recorder,
        metrics: ServiceMetrics,
        pool: Executor,
        trial: Trial,
    ) -> None:
        self._settings = settings
        self._trial = trial
        self._slot = slot
        self._recorder = recorder
        self._metrics = metrics
        self._answered = metrics.answers("model")
        self._pool = pool
        most = settings.image_max_pixels
        self._limits = ImageLimits(settings.image_max_bytes, most, Room(most))
        self._limit = settings.face_max_body_bytes
        self._admission = Admission(WAITING_PER_THREAD * threads(settings), LARGEST_BODIES * self._limit)
        self._validator = BodyValidator(PredictRequest, list(PredictRequest.__annotations__))

    async def predict(self, request: Request) -> Response:
        """Answer for 1 to 10 photos of one person."""
        if self._admission.full:
            request.closing = True
            raise busy()
        with self._admission.body() as take:
            body = await request.json_body(self._limit, take)
            model = self._model()
            inputs = await self._parsed(body)
            del body
            images = inputs["images"]
            with self._admission.work(len(images)):
                return await self._answer(model, inputs, images)

    async def classes(self, _: Request) -> Response:
        """The classes of the served model; without one, those of the settings."""
        model = self._slot.current
        names = model.predictor.classes if model else self._settings.face_classes
        return _json({"classes": list(names), "model_version": model.version if model else None})

    async def _parsed(self, body: bytes) -> dict[str, Any]:
        if len(body) <= INLINE_BYTES:
            inputs = self._validator.parse(body)
        else:
            inputs = await self._in_pool(self._validator.parse, body)
        if found := list(faults(inputs, self._settings.style_photo_bucket)):
            raise invalid_fields(found)
        return inputs

    async def _answer(self, model: ServedModel, inputs: dict[str, Any], images: Sequence[str]) -> Response:
        received, started = datetime.now(UTC), perf_counter()
        identity, rollout = new_identities(1)[0], self._slot.rollout
        results = None
        if rollout is not None and self._trial.takes(rollout, inputs.get("user_id") or identity):
            results = await self._tried(rollout, images)
        if results is not None and rollout is not None:
            model = rollout.model
        else:
            results = await self._looked(model, images)
        answer = overall(results, model.predictor.classes)
        if answer is None:
            raise _nothing_to_answer(results)
        latency = round((perf_counter() - started) * 1000, 3)
        self._record(identity, inputs, results, answer, model.version, latency, received)
        if rollout is not None:
            asked = Asked.of(identity, inputs.get("user_id"), received, inputs)
            self._ask_unseen(rollout, asked, images)
        return _json(
            {
                **answer,
                "model_version": model.version,
                "prediction_id": identity,
                "prediction_time_ms": latency,
            }
        )

    async def _looked(self, model: ServedModel, images: Sequence[str]) -> list[ImageResult]:
        return await asyncio.gather(
            *(self._in_pool(look_at, model.predictor, image, self._limits) for image in images)
        )

    async def _tried(self, rollout: ServedRollout, images: Sequence[str]) -> list[ImageResult] | None:
        """What a canary makes of the images; None: it fails on one, and production answers."""
        results = await self._looked(rollout.model, images)
        sound = not any(result.ours for result in results)
        self._trial.count(rollout, sound)
        return results if sound else None

    def _ask_unseen(self, rollout: ServedRollout, asked: Asked, images: Sequence[str]) -> None:
        def ask(predictor: Any, _places: list[int]) -> list[dict[str, Any]]:
            results = [look_at(predictor, image, self._limits) for image in images]
            if any(result.ours for result in results):
                raise RuntimeError("it failed on a photo")
            return [overall(results, predictor.classes) or {}]

        self._trial.unseen(rollout, [asked], ask, images)

    def _record(
        self,
        identity: str,
        inputs: dict[str, Any],
        results: Sequence[ImageResult],
        answer: dict[str, Any],
        version: str,
        latency: float,
        received: datetime,
    ) -> None:
        """Record what was asked and answered. Of an image its digest and size, and never more."""
        user = inputs.get("user_id")
        asked = {
            "user_id": user,
            "photos": inputs.get("photos") or [],
            "images": [{"sha256": result.sha256, "bytes": result.size} for result in results],
        }
        self._recorder.record(
            [(identity, user, received, asked, answer)],
            version=version,
            latency_ms=latency,
            received_at=received,
        )
        self._answered()
        self._metrics.count_prediction(NONE if answer["none_of_these"] else answer["class"])

    def _model(self) -> ServedModel:
        model = self._slot.current
        if model is None:
            raise Problem(503, self._slot.why_empty(), headers=((b"retry-after", b"5"),))
        return model

    async def _in_pool(self, work: Any, *arguments: Any) -> Any:
        return await in_pool(self._pool, work, *arguments)


def overall(results: Sequence[ImageResult], classes: Sequence[str]) -> dict[str, Any] | None:
    """The answer about a person out of what came of each image; None: nothing came of any."""
    answered = [result.answer for result in results if result.answer is not None]
    if not answered:
        return None
    together = aggregate(answered, classes)
    return {
        **{name: value for name, value in together.items() if name != "photos"},
        "photos": [result.as_entry(index) for index, result in enumerate(results)],
        "count": len(answered),
    }


def threads(settings: Settings) -> int:
    """Threads of one worker: its share of the machine's processors."""
    return max(1, (os.cpu_count() or 1) // settings.service_workers)


def photo_pool(settings: Settings) -> ThreadPoolExecutor:
    """The threads that look at photos; OpenCV is told to start none of its own."""
    import cv2

    cv2.setNumThreads(1)
    return ThreadPoolExecutor(threads(settings), thread_name_prefix="photo")


def _nothing_to_answer(results: Sequence[ImageResult]) -> Problem:
    """422 with the reason of each image; 500 where one of them is ours."""
    if any(result.ours for result in results):
        return internal_error()
    entries = [result.as_entry(index) for index, result in enumerate(results)]
    return invalid_fields(
        [FieldError(f"images[{entry['index']}]", entry["error"]["message"]) for entry in entries]
    )


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))
