from __future__ import annotations

from typing import Any

KEY_HEADER = {"x-api-key": "a key that is long enough"}


def test_without_its_model_the_heuristic_recommends_at_once(world: Any) -> None:
    assert world.recommend(user_id="ann", limit=3)["answered_by"] == "model"
    answer = world.ask("DELETE", "/model", headers=KEY_HEADER)
    assert (answer.status_code, answer.json()["loaded"]) == (200, False)
    assert world.recommend(user_id="ann", limit=3)["answered_by"] != "model"
    assert world.ask("GET", "/health").json()["status"] == "degraded"
