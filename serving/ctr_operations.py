"""The OpenAPI document of the CTR service."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from serving.ctr_schema import (
    EXAMPLE_ANSWER,
    EXAMPLE_OUTCOME,
    EXAMPLE_QUESTION,
    MAX_CLIPS,
    BatchPrediction,
    BatchRequest,
    Clip,
    ClipKnowledge,
    Clips,
    Outcome,
    OutcomeResults,
    Outcomes,
    Prediction,
    PredictRequest,
    SavedClip,
    SavedClips,
    SavedOutcome,
    TrainingRun,
)
from serving.experiments.operations import EXPERIMENT_OPERATIONS
from serving.openapi import COMMON_OPERATIONS, Operation, openapi_document

TITLE = "Assay CTR and experiments"
_BODY_FAULTS = (400, 401, 408, 413, 415, 422)
_CLIP = {name: value for name, value in EXAMPLE_QUESTION.items() if name in Clip.__annotations__}
_SECOND = {**EXAMPLE_OUTCOME, "key": "clip-43|2026-11-19|feed|", "clip_id": "clip-43"}


CTR_OPERATIONS = (
    Operation(
        "/predict/ctr",
        "post",
        f"Predict the click-through rate of one clip, or of at most {MAX_CLIPS}",
        "With clip_id alone the platform takes what it knows of the clip; with any feature it takes what is "
        "sent, and adds only past counts of clip, creator and advertiser that are left out. Many clips go "
        "under `clips`; one that is faulty or not known refuses them all, and is named, as in "
        "clips[3].clip_id. Until a version is in production, a heuristic answers, and says so.",
        request=PredictRequest | BatchRequest,
        body=False,
        parameters=(
            {
                "name": "clip_id",
                "in": "query",
                "required": False,
                "description": "In place of a body.",
                "schema": {"type": "string"},
            },
        ),
        answer=Prediction | BatchPrediction,
        examples={
            "by its features": EXAMPLE_QUESTION,
            "by its id": {"clip_id": "clip-42", "placement": "feed"},
            "two clips": {"placement": "feed", "clips": [{"clip_id": "clip-42"}, {"clip_id": "clip-43"}]},
        },
        answer_example=EXAMPLE_ANSWER,
        faults=(*_BODY_FAULTS, 404, 503),
    ),
    Operation(
        "/clips",
        "post",
        "Save clips, or what has changed of them",
        "A field that is left out stays as it is known. What was known before stays known for the past: a "
        "prediction about an earlier moment uses it. Many clips go under `clips`: all are saved, or none.",
        request=Clip | Clips,
        answer=SavedClip | SavedClips,
        examples={"a clip": _CLIP, "two clips": {"clips": [_CLIP, {"clip_id": "clip-43", "duration": 12}]}},
        answer_example={"clip_id": "clip-42", "status": "new"},
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        "/clips/{id}",
        "get",
        "What is known of a clip now",
        "Its fields, and the final counts of the past by which a prediction goes.",
        answer=ClipKnowledge,
        parameters=(
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The clip's id; one with a slash in it cannot be asked for.",
                "schema": {"type": "string"},
            },
        ),
        faults=(401, 404, 503),
    ),
    Operation(
        "/outcomes",
        "post",
        "Send impressions and clicks",
        "Each under a key of yours, by which a repetition is known: it changes nothing. Other counts under the "
        "same key are a conflict, unless `replace` is true. Many go under `outcomes`: each is judged by "
        "itself, faulty ones are told, and the others taken.",
        request=Outcome | Outcomes,
        answer=SavedOutcome | OutcomeResults,
        examples={"a day": EXAMPLE_OUTCOME, "two days": {"outcomes": [EXAMPLE_OUTCOME, _SECOND]}},
        answer_example={"key": EXAMPLE_OUTCOME["key"], "status": "new"},
        also={202: "The database is away: kept on disk until it is back."},
        faults=(*_BODY_FAULTS, 404, 409, 503),
    ),
    Operation(
        "/train/ctr-model",
        "post",
        "Train the CTR model now",
        "Starts the flow that also runs each night: a version that is better than the one in production takes "
        "its place. Answers 202 when Prefect has taken the run, with where to watch it.",
        answer=TrainingRun,
        answer_example={
            "run_id": "0f1d6a52-6c4f-4c5c-9d3e-0c5bb3f0a1d2",
            "run_url": "http://127.0.0.1:4200/runs/flow-run/0f1d6a52-6c4f-4c5c-9d3e-0c5bb3f0a1d2",
            "name": "quiet-otter",
            "state": "SCHEDULED",
        },
        status=202,
        needs_key=True,
        faults=(401, 503),
    ),
)


def ctr_openapi(settings: Settings) -> dict[str, Any]:
    """The service's OpenAPI document; needs no running service."""
    return openapi_document(
        TITLE,
        "Predicts click-through rates of clips, takes what became of them, and runs experiments.",
        (*CTR_OPERATIONS, *EXPERIMENT_OPERATIONS, *COMMON_OPERATIONS),
        key_everywhere=settings.require_api_key,
    )
