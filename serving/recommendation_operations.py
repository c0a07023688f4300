"""The OpenAPI document of the recommendation service."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from serving.common_schema import Health
from serving.ctr_schema import TrainingRun
from serving.openapi import COMMON_OPERATIONS, Operation, openapi_document
from serving.recommendation_events_schema import (
    EXAMPLE_EVENT,
    EXAMPLE_ITEM,
    MAX_EVENTS,
    AcceptedEvents,
    Event,
    Events,
    Item,
    ItemKnowledge,
    Items,
    SavedItem,
    SavedItems,
)
from serving.recommendation_schema import (
    EXAMPLE_ANSWER,
    EXAMPLE_QUESTION,
    EXAMPLE_RANK,
    EXAMPLE_SIMILAR,
    MAX_ITEMS,
    MAX_RANKED,
    InteractionFeatures,
    ItemFeatures,
    ModelFigures,
    ModelStatus,
    RankAnswer,
    RankRequest,
    RecommendationAnswer,
    RecommendRequest,
    SimilarItems,
    UserFeatures,
)
from serving.recommendation_trending_schema import TRENDING_OPERATION

TITLE = "Assay recommendation"
PREFIX = "/api/v1"
_BODY_FAULTS = (400, 401, 408, 413, 415, 422)
_RUN = {
    "run_id": "0f1d6a52-6c4f-4c5c-9d3e-0c5bb3f0a1d2",
    "run_url": "http://127.0.0.1:4200/runs/flow-run/0f1d6a52-6c4f-4c5c-9d3e-0c5bb3f0a1d2",
    "name": "quiet-otter",
    "state": "SCHEDULED",
}


def _path(name: str, description: str) -> dict[str, Any]:
    sentence = f"{description}; an id with a slash in it cannot be asked for."
    schema = {"type": "string"}
    return {"name": name, "in": "path", "required": True, "description": sentence, "schema": schema}


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_KIND = _query("content_type", "Of which kind; default: the item's own.", {"enum": ["video", "post", "user"]})
_LIMIT = _query(
    "limit", "How many; default: 20.", {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS, "default": 20}
)

RECOMMENDATION_OPERATIONS = (
    Operation(
        f"{PREFIX}/recommend",
        "post",
        "Recommend items to a user",
        "What they have seen lately, what is excluded and what was taken down does not come, and no author has "
        "more items in a row than RECOMMENDATION_AUTHOR_RUN. A list is kept for a while, and dropped when the "
        "user acts: what is posted to /events counts in the next one. Without a version, or where the flag "
        "mlRecommendations is off, the heuristic answers, and says so. `preview` shows a list to somebody else "
        "than the user, and needs the API key.",
        request=RecommendRequest,
        answer=RecommendationAnswer,
        examples={"two videos": EXAMPLE_QUESTION, "posts": {"user_id": "user-77", "content_type": "post"}},
        answer_example=EXAMPLE_ANSWER,
        faults=_BODY_FAULTS,
    ),
    Operation(
        f"{PREFIX}/rank",
        "post",
        f"Put at most {MAX_RANKED} items in order for a user",
        "Each item comes once, with its score and why; those of which nothing is known come last. Items that "
        "the user has seen are ranked as all others are.",
        request=RankRequest,
        answer=RankAnswer,
        examples={"two items": EXAMPLE_RANK},
        answer_example=EXAMPLE_ANSWER,
        faults=_BODY_FAULTS,
    ),
    Operation(
        f"{PREFIX}/similar/{{id}}",
        "get",
        "Items that are close to one",
        "Those that the same people like, or that are about the same.",
        parameters=(_path("id", "The item"), _LIMIT, _KIND),
        answer=SimilarItems,
        answer_example=EXAMPLE_SIMILAR,
        faults=(401, 404, 422),
    ),
    Operation(
        f"{PREFIX}/train",
        "post",
        "Train the recommender now",
        "Starts the flow that also runs each night: a version that is better than the one in production takes "
        "its place. Answers 202 when Prefect has taken the run, with where to watch it.",
        answer=TrainingRun,
        answer_example=_RUN,
        status=202,
        needs_key=True,
        faults=(401, 503),
    ),
    Operation(
        f"{PREFIX}/retrain",
        "post",
        "Train the recommender now, and promote it whatever the gate says",
        "As /train, with `force`: the history of promotions says so.",
        answer=TrainingRun,
        answer_example=_RUN,
        status=202,
        needs_key=True,
        faults=(401, 503),
    ),
    Operation(
        f"{PREFIX}/model/status",
        "get",
        "What answers now, and out of what",
        answer=ModelStatus,
        faults=(401,),
    ),
    Operation(
        f"{PREFIX}/model/evaluate",
        "get",
        "How good the served version is",
        "Measured at its training on interactions that were later than what it learned from, over all items; "
        "with intervals, beside popularity, and against the version that was in production then.",
        answer=ModelFigures,
        faults=(401, 503),
    ),
    Operation(
        f"{PREFIX}/features/user/{{id}}",
        "get",
        "What a history says of its user",
        parameters=(_path("id", "The user"),),
        answer=UserFeatures,
        faults=(401, 422, 503),
    ),
    Operation(
        f"{PREFIX}/features/post/{{id}}",
        "get",
        "What the model knows of an item of any kind",
        parameters=(_path("id", "The item"),),
        answer=ItemFeatures,
        faults=(401, 404, 503),
    ),
    Operation(
        f"{PREFIX}/features/interaction/{{user}}/{{post}}",
        "get",
        "The features by which an item would be ranked for a user",
        parameters=(_path("user", "The user"), _path("post", "The item")),
        answer=InteractionFeatures,
        faults=(401, 404, 422, 503),
    ),
    Operation(
        f"{PREFIX}/health",
        "get",
        "The same as /health",
        answer=Health,
        also={503: "Nothing answers."},
        open_to_all=True,
    ),
)

EVENT_OPERATIONS = (
    Operation(
        f"{PREFIX}/events",
        "post",
        f"Send interactions, at most {MAX_EVENTS} at a time",
        "Faulty events are told, and the others taken; one that was sent before changes nothing. They are on "
        "disk when the answer comes, and the user's next list counts them.",
        request=Event | Events,
        answer=AcceptedEvents,
        examples={"a view": EXAMPLE_EVENT, "many": {"events": [EXAMPLE_EVENT]}},
        answer_example={"accepted": 1, "rejected": [], "ids": ["view-8f14e45f"]},
        status=202,
        faults=(*_BODY_FAULTS, 503),
    ),
    Operation(
        f"{PREFIX}/items",
        "post",
        "Save items, or what has changed of them",
        "A field that is left out stays as it is known. `removed` takes an item down: it is recommended no "
        "more, within ten seconds. Many go under `items`: all are saved, or none.",
        request=Item | Items,
        answer=SavedItem | SavedItems,
        examples={"a video": EXAMPLE_ITEM, "many": {"items": [EXAMPLE_ITEM]}},
        answer_example={"item_id": "video-42", "status": "new"},
        faults=(*_BODY_FAULTS, 409, 503),
    ),
    Operation(
        f"{PREFIX}/items/{{id}}",
        "get",
        "An item as it was last described",
        parameters=(_path("id", "The item"),),
        answer=ItemKnowledge,
        faults=(401, 404, 503),
    ),
)


def recommendation_openapi(settings: Settings) -> dict[str, Any]:
    """The service's OpenAPI document; needs no running service."""
    return openapi_document(
        TITLE,
        "Recommends videos, posts and users, takes interactions, and tells what trends.",
        (*RECOMMENDATION_OPERATIONS, *EVENT_OPERATIONS, TRENDING_OPERATION, *COMMON_OPERATIONS),
        key_everywhere=settings.require_api_key,
    )
