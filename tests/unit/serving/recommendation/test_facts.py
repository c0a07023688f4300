"""What the service tells of its model, of users and items, and of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from config.errors import RegistryUnavailable
from models.recommendation.question import Interaction
from serving.recommendation_app import recommendation_openapi
from serving.recommendation_evaluation import EvaluationApi
from tests.recommendation_board_world import NOW_US
from tests.unit.serving.recommendation.conftest import World

KEY = {"x-api-key": "a key that is long enough"}


def resolved(document: dict[str, Any], path: str, method: str, status: str = "200") -> dict[str, Any]:
    """The schema of an answer, with the document's own definitions."""
    content = document["paths"][path][method]["responses"][status]["content"]["application/json"]
    return {**content["schema"], "components": document["components"]}


def test_every_documented_answer_is_as_its_schema_says(world: World) -> None:
    document = world.ask("GET", "/openapi.json").json()
    assert document == recommendation_openapi(world.settings)
    jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"]["RecommendationAnswer"])
    world.database.history["u1"] = [Interaction("v3", "like", NOW_US)]
    asked = {
        "/api/v1/recommend": ("post", {"user_id": "u1"}, ""),
        "/api/v1/rank": ("post", {"user_id": "u1", "items": ["v1", "zz"]}, ""),
        "/api/v1/similar/{id}": ("get", None, "/api/v1/similar/v3"),
        "/api/v1/model/status": ("get", None, ""),
        "/api/v1/features/user/{id}": ("get", None, "/api/v1/features/user/u1"),
        "/api/v1/features/post/{id}": ("get", None, "/api/v1/features/post/v3"),
        "/api/v1/features/interaction/{user}/{post}": ("get", None, "/api/v1/features/interaction/u1/v9"),
        "/api/v1/model/evaluate": ("get", None, ""),
    }
    for path, (method, body, url) in asked.items():
        answer = world.ask(method.upper(), url or path, **({"json": body} if body else {}))
        assert answer.status_code == 200, f"{path}: {answer.text}"
        jsonschema.validate(answer.json(), resolved(document, path, method))


def test_every_example_of_a_question_is_accepted(world: World) -> None:
    document = recommendation_openapi(world.settings)
    for path in ("/api/v1/recommend", "/api/v1/rank"):
        for example in document["paths"][path]["post"]["requestBody"]["content"]["application/json"][
            "examples"
        ].values():
            answer = world.ask("POST", path, json=example["value"])
            assert answer.status_code == 200, answer.text


def test_every_documented_path_is_served_and_the_other_way_round(world: World) -> None:
    documented = {
        (path, method.upper())
        for path, methods in recommendation_openapi(world.settings)["paths"].items()
        for method in methods
    }
    served = {
        (path, method)
        for paths in (
            world.application._routes,
            *({path: methods for _, path, methods in group} for group in world.application._templates.values()),
        )
        for path, methods in paths.items()
        for method in methods
    }
    assert {pair for pair in served if pair[0].startswith("/api/v1")} == {
        pair for pair in documented if pair[0].startswith("/api/v1")
    }


def test_health_is_told_at_both_addresses(make_world: Callable[..., World]) -> None:
    world = make_world()
    first, second = (world.ask("GET", path) for path in ("/health", "/api/v1/health"))
    assert first.json() == second.json()
    assert first.status_code == 200
    assert "the heuristic answers" in first.json()["detail"]


@pytest.mark.parametrize("path", ["/api/v1/train", "/api/v1/retrain"])
def test_trainings_need_the_key(world: World, path: str) -> None:
    assert world.ask("POST", path).status_code == 401
    answer = world.ask("POST", path, headers=KEY)
    assert answer.status_code == 503
    assert "Prefect is away" in answer.json()["detail"]


def test_retraining_is_forced_and_training_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    class Client:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None: ...

        def start(self, name: str, parameters: Any) -> Any:
            started.append((name, dict(parameters)))
            return type("Run", (), {"id": "r", "name": "n", "state": "SCHEDULED"})

    monkeypatch.setattr("serving.ctr_training.FlowClient", Client)
    for path in ("/api/v1/train", "/api/v1/retrain"):
        assert world.ask("POST", path, headers=KEY).status_code == 202
    assert started == [("retrain-recommendation", {}), ("retrain-recommendation", {"force": True})]


def test_without_a_version_the_status_says_why(make_world: Callable[..., World]) -> None:
    world = make_world()
    status = world.ask("GET", "/api/v1/model/status").json()
    assert (status["model_version"], status["answered_by"]) == (None, "heuristic")
    assert status["why"].startswith("There is no model to answer with")
    for path in ("model/evaluate", "features/user/u1", "features/post/v1", "features/interaction/u1/v1"):
        answer = world.ask("GET", f"/api/v1/{path}")
        assert answer.status_code == 503
        assert answer.json()["detail"] == status["why"]


def test_the_status_tells_of_the_version_the_flags_and_the_board(world: World) -> None:
    world.set_flag("personalizedFeed", rollout=25)
    status = world.ask("GET", "/api/v1/model/status").json()
    assert (status["model_version"], status["answered_by"], status["why"]) == ("7", "model", None)
    assert status["flags"]["personalizedFeed"] == {"enabled": True, "rollout": 25}
    assert status["model"]["family"] == "recommendation"
    assert status["board"]["trending"] == 2


def test_the_evaluation_holds_intervals_and_rivals(world: World) -> None:
    report = {
        "metrics": {"ndcg": 0.2}, "intervals": {"ndcg": [0.18, 0.22]},
        "baselines": {"popularity": {"ndcg": 0.1}}, "against_champion": {"difference": 0.01},
    }  # fmt: skip
    asked: list[str] = []

    def read(family: str, version: str) -> dict[str, Any]:
        asked.append(f"{family} {version}")
        return report

    import asyncio

    import orjson

    api = EvaluationApi(world.runtime.slot, world.parts._pool, read)

    async def twice() -> list[dict[str, Any]]:
        return [orjson.loads((await api.get(None)).body) for _ in range(2)]  # type: ignore[arg-type]

    found = asyncio.run(twice())
    assert found[0] == found[1]
    assert found[0].items() >= {**report, "model_version": "7", "complete": True}.items()
    assert asked == ["recommendation 7"]


def test_without_mlflow_the_evaluation_says_that_it_is_not_complete(world: World) -> None:
    def read(*_: str) -> dict[str, Any]:
        raise RegistryUnavailable("MLflow is away.")

    import asyncio

    import orjson

    api = EvaluationApi(world.runtime.slot, world.parts._pool, read)
    found = orjson.loads(asyncio.run(api.get(None)).body)  # type: ignore[arg-type]
    assert (found["complete"], found["intervals"], found["dataset"]) == (
        False,
        {},
        "recommendation/full/2026-10",
    )


def test_similar_items_are_the_models_or_else_the_heuristics(world: World) -> None:
    found = world.ask("GET", "/api/v1/similar/v3?limit=4").json()
    assert (found["answered_by"], found["count"]) == ("model", 4)
    assert all(
        item["reason"].startswith(("liked by the same", "similar to", "about the")) for item in found["items"]
    )
    assert not any("you" in item["reason"].split() for item in found["items"])
    assert all(item["because"] is None for item in found["items"])
    posts = world.ask("GET", "/api/v1/similar/v3?content_type=post").json()
    assert {item["kind"] for item in posts["items"]} == {"post"}
    world.runtime.slot.current = None
    found = world.ask("GET", "/api/v1/similar/v3").json()
    assert found["answered_by"] == "heuristic"
    assert found["items"]


@pytest.mark.parametrize("path", ["similar/zz", "features/post/zz", "features/interaction/u1/zz"])
def test_an_unknown_item_is_told(world: World, path: str) -> None:
    answer = world.ask("GET", f"/api/v1/{path}")
    assert answer.status_code == 404
    assert "'zz'" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=-1", "content_type=song"])
def test_a_query_that_does_not_fit_is_told(world: World, query: str) -> None:
    answer = world.ask("GET", f"/api/v1/similar/v3?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_features_of_a_user_come_from_their_history(world: World) -> None:
    world.database.history["u1"] = [Interaction("v3", "like", NOW_US), Interaction("v6", "view", NOW_US, 0.5)]
    found = world.ask("GET", "/api/v1/features/user/u1").json()
    assert (found["interactions"], found["degraded"]) == (2, False)
    pair = world.ask("GET", "/api/v1/features/interaction/u1/v9").json()
    assert pair["category_share"] == 1.0
