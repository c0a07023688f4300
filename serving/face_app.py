"""The face service without its server: the runtime and the ASGI application, for BentoML and for tests."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

from config.settings import Settings
from serving.application import Application, Route
from serving.face_api import FaceApi
from serving.face_schema import EXAMPLE_ANSWER, EXAMPLE_REQUEST, MAX_IMAGES, Classes, Prediction, PredictRequest
from serving.openapi import COMMON_OPERATIONS, Operation, openapi_document
from serving.runtime import ServiceRuntime

TITLE = "Assay face styles"


def face_openapi(settings: Settings) -> dict[str, Any]:
    """The service's OpenAPI document; needs no running service."""
    operations = (
        Operation(
            "/predict",
            "post",
            f"The style of a person in 1 to {MAX_IMAGES} photos",
            "An image that cannot be opened has its reason among the photos, and the others are answered; when "
            "none can be opened, the request is refused with the reason of each. 503 says that no model is "
            "loaded, or that there is more to do than can be answered in time; Retry-After goes with it.",
            request=PredictRequest,
            answer=Prediction,
            examples={"a photo": EXAMPLE_REQUEST},
            answer_example=EXAMPLE_ANSWER,
            faults=(400, 401, 408, 413, 415, 422, 503),
        ),
        Operation(
            "/classes",
            "get",
            "The classes that an answer may have",
            "Those of the served model; of the settings while there is none.",
            answer=Classes,
            answer_example={"classes": ["Serious", "Soft", "Warm"], "model_version": "3"},
            faults=(401,),
        ),
        *COMMON_OPERATIONS,
    )
    return openapi_document(
        TITLE,
        "Tells the style of a person from photos: one of some classes, or none of these.",
        operations,
        key_everywhere=settings.require_api_key,
    )


def face_application(runtime: ServiceRuntime, pool: Executor) -> Application:
    """The ASGI application of a face runtime; ``pool`` has the threads that look at photos."""
    api = FaceApi(runtime.settings, runtime.slot, runtime.recorder, runtime.metrics, pool, runtime.trial)
    routes = [Route("/predict", "POST", api.predict), Route("/classes", "GET", api.classes)]
    return runtime.application(routes, face_openapi(runtime.settings))
