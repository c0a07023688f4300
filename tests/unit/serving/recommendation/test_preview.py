"""A preview: what a user would get, shown to somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serving.recommendation_experiment import Choice
from tests.unit.serving.recommendation.conftest import World

KEY_HEADER = {"x-api-key": "a key that is long enough"}
QUESTION = {"user_id": "u1", "limit": 3}
PREVIEW = QUESTION | {"preview": True}
PATH = "/api/v1/recommend"


def preview(world: World) -> dict[str, Any]:
    answer = world.ask("POST", PATH, json=PREVIEW, headers=KEY_HEADER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_the_list_that_the_user_would_get_and_says_what_it_is(world: World) -> None:
    shown, given = preview(world), world.recommend(**QUESTION)
    assert (shown["preview"], shown["recommendation_id"], shown["cached"]) == (True, None, False)
    assert "preview" not in given
    differs = ("preview", "recommendation_id")
    assert {name: shown[name] for name in shown if name not in differs} == {
        name: given[name] for name in given if name not in differs
    }


def test_nothing_is_recorded_kept_or_counted_of_it(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        asked: list[tuple[dict[str, Any], dict[str, str]]] = [
            (PREVIEW, KEY_HEADER), (QUESTION, {}), (QUESTION, {}), (PREVIEW, KEY_HEADER),
        ]  # fmt: skip
        answers = [await client.post(PATH, json=body, headers=headers) for body, headers in asked]
        return [answer.json() for answer in answers]

    _, first, second, after = world.run(work)
    assert (first["cached"], second["cached"], after["cached"]) == (False, True, False)
    assert [row["id"] for row in world.shipped()] == [first["recommendation_id"]]
    text = world.ask("GET", "/metrics", headers=KEY_HEADER).text
    lists = 'answered_by="model",fallback="false",family="recommendation",service="recommendation"'
    assert f"assay_answers_total{{{lists}}} 2.0" in text


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_it_needs_the_key(world: World, headers: dict[str, str]) -> None:
    assert world.ask("POST", PATH, json=PREVIEW, headers=headers).status_code == 401
    assert world.ask("POST", PATH, json=QUESTION | {"preview": False}, headers=headers).status_code == 200


def test_where_there_is_no_key_it_cannot_be_had(make_world: Callable[..., World]) -> None:
    answer = make_world(ml_api_key=None).ask("POST", PATH, json=PREVIEW, headers=KEY_HEADER)
    assert answer.status_code == 503
    assert "set ML_API_KEY" in answer.json()["detail"]


def test_no_experiment_decides_because_of_it_and_a_decision_that_is_known_is_followed(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(recommendation_experiment="feed", ctr_port=9)
    world.serve()
    asked: list[str] = []

    async def ask(user_id: str) -> Choice:
        asked.append(user_id)
        return Choice("feed", "heuristic", "d1")

    monkeypatch.setattr(world.parts.chooser, "_ask", ask)
    shown = preview(world)
    assert (shown["answered_by"], asked) == ("model", [])
    assert "experiment" not in shown
    assert world.recommend(**QUESTION)["answered_by"] == "heuristic"
    assert asked == ["u1"]
    shown = preview(world)
    assert (shown["answered_by"], shown["experiment"]["decision_id"]) == ("heuristic", "d1")
    assert asked == ["u1"]


def test_a_ranking_has_no_preview(world: World) -> None:
    asked = {"user_id": "u1", "items": ["v1"], "preview": True}
    assert world.ask("POST", "/api/v1/rank", json=asked, headers=KEY_HEADER).status_code == 422
