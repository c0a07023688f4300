"""The OpenAPI document of the content service."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from serving import common_schema as common
from serving import content_analysis_schema as analysis
from serving import content_schema as moderation
from serving import content_store_schema as stored
from serving.openapi import COMMON_OPERATIONS, Operation, openapi_document

TITLE = "Assay content"
PREFIX = "/api/v1"
_BODY_FAULTS = (400, 401, 408, 413, 415, 422)


def _path(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


#: Of services with one model; here each is of a family.
_OF_ONE_MODEL = ("/model/load", "/model", "/health", "/model/info")
_FAMILY = _path("family", "moderation, imagery, sentiment, topics or entities.")
_DECISION = _path("id", "The UUID that the decision was answered with.")
_JOB = _path("id", "The UUID that the job was answered with.")

CONTENT_OPERATIONS = (
    Operation(
        f"{PREFIX}/moderate",
        "post",
        "May this be shown?",
        "Decides about a text, a title and pictures: approved, flagged, review_required or rejected, with the "
        "score of each label and what caused it. Without a version in production, or where a picture cannot be "
        "looked at, a person decides: it is never approved. The decision is kept, unless `record` is false.",
        request=moderation.ModerateRequest,
        answer=moderation.ModerateAnswer,
        examples={
            "a comment": moderation.EXAMPLE_REQUEST,
            "a post with a picture": {
                "content_id": "post-42",
                "content_type": "post",
                "title": "The night train to Lisbon",
                "images": [{"key": "posts/42/station.jpg"}],
            },
        },
        answer_example=moderation.EXAMPLE_ANSWER,
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        f"{PREFIX}/moderate/batch",
        "post",
        f"The same of at most {moderation.MAX_ITEMS}",
        "In the order of the request. A faulty item is told, and costs itself alone.",
        request=moderation.ModerateBatch,
        answer=moderation.ModerateAnswers,
        examples={"two comments": {"items": [moderation.EXAMPLE_REQUEST, {"text": "see you at the lake"}]}},
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        f"{PREFIX}/moderation/{{id}}",
        "get",
        "A decision, and what people said of it",
        answer=stored.DecisionAnswer,
        parameters=(_DECISION,),
        faults=(401, 404, 503),
    ),
    Operation(
        f"{PREFIX}/moderation/{{id}}/appeal",
        "post",
        "Object to a decision",
        "By the creator of the content, where it is known. The decision goes to the front of the queue. 409: "
        "it is approved, it is another's, or an appeal is open already.",
        request=stored.AppealRequest,
        answer=stored.DecisionAnswer,
        examples={"an appeal": {"appellant_id": "u-1001", "text": "It is the title of my song."}},
        parameters=(_DECISION,),
        faults=(*_BODY_FAULTS, 404, 409, 503),
    ),
    Operation(
        f"{PREFIX}/moderation/{{id}}/review",
        "post",
        "Approve or reject",
        "It holds from now on, answers an open appeal, and models learn from it.",
        request=stored.ReviewRequest,
        answer=stored.DecisionAnswer,
        examples={"a rejection": stored.EXAMPLE_REVIEW},
        parameters=(_DECISION,),
        needs_key=True,
        faults=(*_BODY_FAULTS, 404, 503),
    ),
    Operation(
        f"{PREFIX}/analyze",
        "post",
        "What is this about?",
        "Tags, categories, sentiment, language, topics and names. `parts` says what answered each: a version, "
        "or the simple way in its place. Nothing is kept.",
        request=analysis.AnalyzeRequest,
        answer=analysis.AnalyzeAnswer,
        examples={"a video": analysis.EXAMPLE_REQUEST},
        answer_example=analysis.EXAMPLE_ANSWER,
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        f"{PREFIX}/analyze/batch",
        "post",
        f"The same of at most {analysis.MAX_ITEMS}",
        "In the order of the request. A faulty item is told, and costs itself alone.",
        request=analysis.AnalyzeBatch,
        answer=analysis.AnalyzeAnswers,
        examples={"one": {"items": [analysis.EXAMPLE_REQUEST]}},
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        f"{PREFIX}/labels",
        "post",
        "Tell the right answer for a text",
        "The family learns from it at its next training. A later label of the same text takes its place.",
        request=stored.LabelRequest,
        answer=stored.LabelAnswer,
        examples={"a sentiment": stored.EXAMPLE_LABEL},
        needs_key=True,
        faults=(*_BODY_FAULTS, 404, 503),
    ),
    Operation(
        f"{PREFIX}/contents",
        "post",
        f"Tell what is published, one or at most {stored.MAX_CONTENTS}",
        "It is moderated and analyzed by itself; the same again changes nothing. Send it whole: a field that "
        "is left out is empty from now on. While the database is away it is kept on disk, and queued.",
        request=stored.ContentRequest | stored.ContentsRequest,
        answer=stored.ContentResults,
        examples={"a post": stored.EXAMPLE_CONTENT, "many": {"contents": [stored.EXAMPLE_CONTENT]}},
        answer_example={
            "results": [{"index": 0, "id": "post-42", "status": "accepted", "revision": 1}],
            "counts": {"accepted": 1},
        },
        status=202,
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        f"{PREFIX}/contents",
        "get",
        "How a piece of content stands, by ?id=",
        "For ids with a slash in them.",
        answer=stored.ContentAnswer,
        parameters=({**_path("id", "Your id."), "in": "query"},),
        faults=(400, 401, 404, 503),
    ),
    Operation(
        f"{PREFIX}/contents/{{id}}",
        "get",
        "How a piece of content stands",
        "Its status, flags, decision, analysis and media jobs.",
        answer=stored.ContentAnswer,
        parameters=(_path("id", "Your id; one with a slash in it goes by ?id=."),),
        faults=(401, 404, 503),
    ),
    *(
        Operation(
            f"{PREFIX}/media/{kind}",
            "post",
            f"Have {kind} made",
            "The content worker does it, with three retries; watch it at `url`.",
            request=stored.MediaRequest,
            answer=stored.JobAsked,
            examples={"a film": {"content_id": "video-7", "source": "films/7.mp4"}},
            answer_example={**stored.EXAMPLE_JOB, "kind": kind},
            status=202,
            faults=(*_BODY_FAULTS, 503),
        )
        for kind in ("captions", "thumbnails")
    ),
    Operation(
        f"{PREFIX}/media/jobs/{{id}}",
        "get",
        "How a media job stands",
        answer=stored.JobAnswer,
        parameters=(_JOB,),
        faults=(401, 404, 503),
    ),
    *(
        Operation(
            f"{PREFIX}/media/jobs/{{id}}/{name}",
            "get",
            f"The captions as {title}",
            answer=str,
            answer_type=kind,
            parameters=(_JOB,),
            faults=(401, 404, 409, 503),
        )
        for name, title, kind in (
            ("captions.vtt", "WebVTT", "text/vtt"),
            ("captions.srt", "SRT", "application/x-subrip"),
        )
    ),
    Operation(
        f"{PREFIX}/media/jobs/{{id}}/thumbnails/{{number}}/{{shape}}",
        "get",
        "A thumbnail",
        answer=bytes,
        answer_type="image/jpeg",
        parameters=(
            _JOB,
            _path("number", "From the best one, 1, on."),
            {
                **_path("shape", "Its sides."),
                "schema": {"type": "string", "enum": ["16x9.jpg", "1x1.jpg", "9x16.jpg"]},
            },
        ),
        faults=(401, 404, 409, 503),
    ),
    Operation(
        "/health",
        "get",
        "ok, or degraded with the reasons: a person or a simple way answers where there is no model",
        answer=common.HealthOfMany,
        open_to_all=True,
    ),
    Operation(
        "/models",
        "get",
        "Each family, and how its model stands",
        answer=common.Models,
        needs_key=True,
        faults=(401, 503),
    ),
    Operation(
        "/model/info",
        "get",
        "The served version of each family",
        "Null where there is none.",
        answer=common.ModelsInfo,
        needs_key=True,
        faults=(401, 503),
    ),
    Operation(
        "/model/info/{family}",
        "get",
        "The served version of one family",
        answer=common.ModelInfo,
        parameters=(_FAMILY,),
        needs_key=True,
        faults=(401, 404, 503),
    ),
    Operation(
        "/models/{family}/load",
        "post",
        "Load the model of one family",
        "Undoes an unloading; answers when a version serves, or with why none does.",
        answer=common.LoadedOfMany,
        parameters=(_FAMILY,),
        needs_key=True,
        faults=(401, 404, 503),
    ),
    Operation(
        "/models/{family}",
        "delete",
        "Take the model of one family out of memory",
        "Until it is loaded again, also past a restart and a promotion; its fallback answers meanwhile.",
        answer=common.LoadedOfMany,
        parameters=(_FAMILY,),
        needs_key=True,
        faults=(401, 404, 503),
    ),
)


def content_openapi(settings: Settings) -> dict[str, Any]:
    """The service's OpenAPI document; needs no running service."""
    return openapi_document(
        TITLE,
        "Moderates texts and pictures, analyzes texts, takes contents, and has captions and thumbnails made.",
        (*CONTENT_OPERATIONS, *(each for each in COMMON_OPERATIONS if each.path not in _OF_ONE_MODEL)),
        key_everywhere=settings.require_api_key,
    )
