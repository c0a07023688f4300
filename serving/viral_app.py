"""The viral service without its server: the runtime and the ASGI application, for BentoML and for tests."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from serving.application import Application, Route
from serving.openapi import COMMON_OPERATIONS, Operation, openapi_document
from serving.runtime import ServiceRuntime
from serving.viral_api import ViralApi
from serving.viral_schema import (
    DEFAULT_EXPLAIN,
    EXAMPLE_ANSWER,
    EXAMPLE_VIDEO,
    MAX_BATCH,
    MAX_EXPLAIN,
    BatchPrediction,
    BatchRequest,
    Prediction,
    PredictRequest,
)

TITLE = "Assay viral prediction"
_FAULTS = (400, 401, 408, 413, 415, 422, 503)


def _explain_parameter(default: int) -> dict[str, Any]:
    return {
        "name": "explain",
        "in": "query",
        "description": f"Features to explain by: 0 to {MAX_EXPLAIN}, true (5) or false. Default {default}. "
        "The same field in the body goes first.",
        "schema": {"type": "string"},
    }


def viral_openapi(settings: Settings) -> dict[str, Any]:
    """The service's OpenAPI document; needs no running service."""
    operations = (
        Operation(
            "/predict",
            "post",
            "Predict one video",
            "Which class of views the video will be in seven days after the snapshot, and why.",
            request=PredictRequest,
            answer=Prediction,
            examples={"a video": EXAMPLE_VIDEO},
            answer_example=EXAMPLE_ANSWER,
            parameters=(_explain_parameter(DEFAULT_EXPLAIN),),
            faults=_FAULTS,
        ),
        Operation(
            "/predict/batch",
            "post",
            f"Predict at most {MAX_BATCH} videos",
            "One faulty video refuses the batch; the fault names it, as in videos[3].likes.",
            request=BatchRequest,
            answer=BatchPrediction,
            examples={"two videos": {"videos": [EXAMPLE_VIDEO, {"views": 900}]}},
            parameters=(_explain_parameter(0),),
            faults=_FAULTS,
        ),
        *COMMON_OPERATIONS,
    )
    return openapi_document(
        TITLE,
        "Predicts how far a social video will go from what is known of it now.",
        operations,
        key_everywhere=settings.require_api_key,
    )


def viral_application(runtime: ServiceRuntime) -> Application:
    """The ASGI application of a viral runtime."""
    api = ViralApi(
        runtime.slot,
        runtime.recorder,
        runtime.metrics,
        runtime.settings.max_body_bytes,
        runtime.trial,
    )
    routes = [
        Route("/predict", "POST", api.predict),
        Route("/predict/batch", "POST", api.predict_batch),
    ]
    return runtime.application(routes, viral_openapi(runtime.settings))
