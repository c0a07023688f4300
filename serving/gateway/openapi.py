"""The OpenAPI document of the gateway."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from serving import common_schema as common
from serving import content_store_schema as stored
from serving.ctr_schema import TrainingRun
from serving.gateway import schema
from serving.gateway.owned import PREFIX
from serving.openapi import Operation, openapi_document
from serving.recommendation_schema import RecommendationAnswer
from serving.recommendation_trending_schema import KINDS, WINDOWS

TITLE = "Assay gateway"
ANYBODY, CREATORS, ADMINS = "user, creator, admin", "creator, admin", "admin"
OWNER = "the content's owner, admin"
_GET = (401, 403, 422, 429, 503)
_POST = (400, 401, 403, 408, 413, 415, 422, 429, 503)


def _query(name: str, description: str, shape: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": shape}


def _path(name: str, description: str) -> dict[str, Any]:
    shape = {"type": "string"}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": shape}


_LIMIT = _query(
    "limit", "How many.", {"type": "integer", "minimum": 1, "maximum": schema.MAX_LIMIT, "default": 20}
)
_KIND = _query("content_type", "Of which kind.", {"enum": list(KINDS), "default": KINDS[0]})
_NAME = _path("name", "A family such as moderation, or an alias such as nsfw_detector.")
_CONTENT, _JOB = _path("id", "Id of the content."), _path("id", "The UUID that the job was answered with.")
_DECISION = _path("id", "The UUID that the decision was answered with.")
_RECOMMENDATIONS: dict[str, Any] = {
    "user_id": schema.EXAMPLE_ID,
    "content_type": "video",
    "recommendations": ["video-42", "video-99"],
    "count": 2,
    "items": [{"id": "video-42", "score": 0.91, "source": "collaborative", "reason": "because you liked it"}],
    "recommendation_id": "019a9c3e-5a70-7c11-9d5e-0242ac120002",
    "answered_by": "model",
    "model_version": "7",
    "stale": False,
    "unavailable": [],
}
_VIRAL: dict[str, Any] = {
    "content_id": schema.EXAMPLE_ID,
    "viral_score": 0.85,
    "is_likely_viral": True,
    "factors": {
        "engagement_rate": 0.17, "like_rate": 0.1, "comment_rate": 0.02, "share_velocity": 0.05,
        "views_per_hour": None, "timing_score": None,
    },
    "confidence": 0.85,
    "viral_class": "high",
    "probabilities": {"low": 0.05, "medium": 0.1, "high": 0.8, "ultra": 0.05},
    "expected_views": 910000.0,
    "model_version": "3",
    "unavailable": [],
}  # fmt: skip


def _for(operation: Operation, roles: str) -> tuple[Operation, str]:
    return operation, roles


def _operations() -> list[tuple[Operation, str]]:
    return [*_of_models(), *_of_lists(), *_of_contents(), *_of_engine()]


def _of_models() -> list[tuple[Operation, str]]:
    return [
        _for(Operation(
            f"{PREFIX}/moderate", "post", "May this be shown?",
            "The same question is answered from the cache for an hour (x-cache: hit). No address is followed: "
            "with video_url or image_url alone it needs a person.",
            request=schema.ModerationRequest, answer=schema.ModerationAnswer,
            examples={"a post": schema.EXAMPLE_MODERATION}, faults=_POST,
        ), ADMINS),
        _for(Operation(
            f"{PREFIX}/analyze", "post", "What is this about?",
            request=schema.ContentAnalysisRequest, answer=schema.AnalysisAnswer,
            examples={"a video": schema.EXAMPLE_ANALYSIS}, faults=_POST,
        ), OWNER),
        _for(Operation(
            f"{PREFIX}/viral-prediction", "post", "Will very many see it?",
            "viral_score is the probability that the viral model gives the classes high and ultra. While its "
            "service is away, factors are answered alone, and unavailable names it.",
            request=schema.ViralPredictionRequest, answer=schema.ViralPrediction,
            examples={"a video": schema.EXAMPLE_VIRAL}, answer_example=_VIRAL, faults=_POST,
        ), CREATORS),
        _for(Operation(
            f"{PREFIX}/models", "get", "Every model, and how it stands", answer=schema.Models,
            faults=(401, 403, 429),
        ), ADMINS),
        _for(Operation(
            f"{PREFIX}/models/load/{{name}}", "post", "Load a model", answer=schema.LoadAnswer,
            parameters=(_NAME,), faults=(401, 403, 404, 429, 503),
        ), ADMINS),
        _for(Operation(
            f"{PREFIX}/models/unload/{{name}}", "delete", "Take a model out of memory",
            "Until it is loaded again; its service's fallback answers meanwhile.",
            answer=schema.LoadAnswer, parameters=(_NAME,), faults=(401, 403, 404, 429, 503),
        ), ADMINS),
    ]  # fmt: skip


def _of_lists() -> list[tuple[Operation, str]]:
    return [
        _for(Operation(
            f"{PREFIX}/recommendations", "get", "What to show to whoever asks",
            "A list is kept for five minutes (x-cache: hit). While the service is away, the last list is given "
            "(x-cache: stale).",
            answer=schema.Recommendations, answer_example=_RECOMMENDATIONS, faults=_GET,
            parameters=(
                _KIND, _LIMIT,
                _query("exclude_ids", "Ids between commas that must not come.", {"type": "string"}),
                _query("user_id", "For whom; admins alone, whoever asks unless given.", {"type": "string"}),
            ),
        ), ANYBODY),
        _for(Operation(
            f"{PREFIX}/trending", "get", "What trends", answer=schema.Trending, faults=_GET,
            parameters=(
                _KIND,
                _query("time_window", "How far back.", {"enum": list(WINDOWS), "default": "24h"}),
                _LIMIT,
            ),
        ), ANYBODY),
    ]  # fmt: skip


def _of_contents() -> list[tuple[Operation, str]]:
    media: dict[str, Any] = {
        "request": schema.MediaRequest, "body": False, "answer": stored.JobAsked, "status": 202,
        "examples": {"in English": {"language": "en"}}, "parameters": (_CONTENT,),
        "faults": (*_POST, 404, 409),
    }  # fmt: skip
    found = (401, 403, 404, 429, 503)
    return [
        _for(Operation(
            f"{PREFIX}/content", "post", "Publish content, or describe it anew",
            "Moderation and analysis begin by themselves; GET content/{id} and the webhook tell the outcome.",
            request=schema.ContentRequest, answer=schema.ContentTaken, status=202,
            examples={"a post": schema.EXAMPLE_CONTENT}, faults=_POST,
        ), CREATORS),
        _for(Operation(
            f"{PREFIX}/content/{{id}}", "get", "How content stands", answer=schema.ContentStanding,
            parameters=(_CONTENT,), faults=found,
        ), OWNER),
        _for(Operation(
            f"{PREFIX}/content", "get", "The same by ?id=, for ids with a slash", answer=schema.ContentStanding,
            parameters=({**_CONTENT, "in": "query"},), faults=(400, *found),
        ), OWNER),
        *(
            _for(Operation(
                f"{PREFIX}/content/{{id}}/{kind}", "post", f"Ask for {kind} of its video", **media
            ), OWNER)
            for kind in ("captions", "thumbnails")
        ),
        _for(Operation(
            f"{PREFIX}/media/jobs/{{id}}", "get", "How a media job stands", answer=stored.JobAnswer,
            parameters=(_JOB,), faults=found,
        ), OWNER),
        *(
            _for(Operation(
                f"{PREFIX}/media/jobs/{{id}}/{name}", "get", f"The captions as {word}", answer_type=kind,
                parameters=(_JOB,), faults=(*found, 409),
            ), OWNER)
            for name, word, kind in (
                ("captions.vtt", "WebVTT", "text/vtt"), ("captions.srt", "SRT", "application/x-subrip"),
            )
        ),
        _for(Operation(
            f"{PREFIX}/media/jobs/{{id}}/thumbnails/{{number}}/{{shape}}", "get", "One thumbnail",
            answer_type="image/jpeg", faults=(*found, 409),
            parameters=(_JOB, _path("number", "From 1."), _path("shape", "16x9.jpg, 1x1.jpg or 9x16.jpg.")),
        ), OWNER),
        _for(Operation(
            f"{PREFIX}/moderation/{{id}}", "get", "A decision, and what people said of it",
            answer=stored.DecisionAnswer, parameters=(_DECISION,), faults=found,
        ), OWNER),
        _for(Operation(
            f"{PREFIX}/moderation/{{id}}/appeal", "post", "Object to a decision",
            request=schema.AppealRequest, answer=stored.DecisionAnswer, parameters=(_DECISION,),
            examples={"an appeal": {"text": "It is the title of my song."}}, faults=(*_POST, 404, 409),
        ), OWNER),
    ]  # fmt: skip


def _of_engine() -> list[tuple[Operation, str]]:
    return [
        each
        for prefix in ("/ml", PREFIX)
        for each in (
            _for(Operation(
                f"{prefix}/status", "get", "How everything stands", answer=schema.MlStatus, faults=(401, 429),
            ), ANYBODY),
            _for(Operation(
                f"{prefix}/train", "post", "Ask for a retraining", request=schema.TrainRequest,
                answer=TrainingRun, status=202,
                examples={"the recommender": {"family": "recommendation"}}, faults=_POST,
            ), ADMINS),
            _for(Operation(
                f"{prefix}/predict", "post", "How well posts suit users", request=schema.PredictRequest,
                answer=schema.Predictions, examples={"a pair": {"pairs": [{"post_id": "video-42"}]}},
                faults=_POST,
            ), ANYBODY),
            _for(Operation(
                f"{prefix}/recommend", "post", "Recommendations with all that is known of them",
                request=schema.RecommendRequest, answer=RecommendationAnswer,
                examples={"five videos": {"limit": 5, "content_type": "video"}}, faults=_POST,
            ), ANYBODY),
        )
    ]  # fmt: skip


_COMMON = (
    Operation("/", "get", "What this is and where to go", answer=common.Info),
    Operation(
        "/health",
        "get",
        "ok, degraded with the reasons, or unavailable",
        answer=common.GatewayHealth,
        also={503: "No service answers."},
    ),
    Operation(
        "/metrics", "get", "Prometheus figures", answer_type="text/plain", needs_key=True, faults=(401, 503)
    ),
)


def gateway_openapi(_: Settings | None = None) -> dict[str, Any]:
    """The document; needs no running gateway, and is the same for all settings."""
    guarded = _operations()
    document = openapi_document(
        TITLE,
        "Content moderation, analysis, recommendations, trends and viral predictions behind one door. Show a "
        "bearer token; own backends show the API key. Every answer has X-Request-ID.",
        [*(operation for operation, _ in guarded), *_COMMON],
        key_everywhere=False,
    )
    for operation, roles in guarded:
        entry = document["paths"][operation.path][operation.method]
        entry["security"] = [{"Bearer": []}, {"ApiKey": []}]
        entry["description"] = f"{entry.get('description', '')} Roles: {roles}.".strip()
        entry["responses"]["401"]["description"] = "No good token and no good key."
    document["components"]["securitySchemes"]["Bearer"] = {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "HS256 by JWT_SECRET, or RS256 by JWT_JWKS; sub is the user, role or roles the rest.",
    }  # fmt: skip
    return document
