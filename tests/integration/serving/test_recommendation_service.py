"""The recommendation service as a process, with a real model, PostgreSQL and MLflow."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from storage.flags import set_flag
from storage.items import save_items
from tasks.forgetting import forget
from tasks.platform import Platform as Parts
from tests.integration.serving.conftest import KEY_HEADER, Platform, eventually
from tests.recommendation_board_world import world_items

PREFIX = "/api/v1"


@pytest.fixture
def platform(recommendation_platform: Platform, engine: Engine) -> Platform:
    """The service, not started yet, on a database that knows the items of the small world."""
    rows = [
        {
            "item_id": item["id"],
            **{name: item[name] for name in ("kind", "author_id", "text", "tags", "category", "language")},
            "published_at": datetime.fromtimestamp(item["published_us"] / 1e6, UTC),
        }
        for item in world_items()
    ]
    save_items(engine, rows, datetime.now(UTC))
    # a Prefect that runs on this machine is none of this test's business
    service = recommendation_platform.service
    service.settings = service.settings.model_copy(update={"prefect_api_url": "http://127.0.0.1:9/api"})
    return recommendation_platform


def recommend(platform: Platform, user: str, **more: Any) -> dict[str, Any]:
    answer = platform.service.client.post(f"{PREFIX}/recommend", json={"user_id": user} | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["items"]]


def authors(answer: dict[str, Any]) -> set[str]:
    return {item["author_id"] for item in answer["items"]}


def features(platform: Platform, user: str) -> dict[str, Any]:
    found: dict[str, Any] = platform.service.client.get(f"{PREFIX}/features/user/{user}").json()
    return found


def stored_of(engine: Engine, user: str) -> int:
    with engine.connect() as connection:
        found = connection.execute(text("select count(*) from events where user_id = :user"), {"user": user})
        return int(found.scalar_one())


def test_from_the_first_day_to_a_model_and_its_evaluation(platform: Platform, engine: Engine) -> None:
    service = platform.service
    service.start()
    first = recommend(platform, "u1")
    assert (first["answered_by"], first["count"]) == ("heuristic", 20)
    assert service.health()["detail"].startswith("degraded: the heuristic answers")

    version = platform.promote()
    took = eventually(lambda: recommend(platform, "u1")["answered_by"] == "model", 15)
    assert took < 15
    answer = recommend(platform, "u1")
    assert answer["model_version"] == version
    assert answer["cached"] is True

    seen = ids(answer)[0]
    event = {"user_id": "u1", "item_id": seen, "kind": "like", "recommendation_id": answer["recommendation_id"]}
    assert service.client.post(f"{PREFIX}/events", json=event).status_code == 202
    after = recommend(platform, "u1")
    assert seen not in ids(after)
    assert after["items"][0]["because"]["item_id"] == seen

    found = service.client.get(f"{PREFIX}/model/evaluate").json()
    assert found["complete"] is True
    assert found["intervals"]["ndcg_at_20"][0] <= found["metrics"]["ndcg_at_20"]
    assert set(found["baselines"]) == {"popularity"}
    assert found["gate"]["passed"] is True
    assert service.client.get(f"{PREFIX}/health").json()["model_version"] == version
    for path in ("trending", f"similar/{seen}", "features/user/u1", f"features/interaction/u1/{seen}"):
        assert service.client.get(f"{PREFIX}/{path}").status_code == 200, path
    assert service.client.post(f"{PREFIX}/train").status_code == 401
    assert service.client.post(f"{PREFIX}/train", headers=KEY_HEADER).status_code == 503

    def recorded() -> bool:
        with engine.connect() as connection:
            query = text("select answer->'items' from predictions where id = :id")
            found = connection.execute(query, {"id": after["recommendation_id"]}).scalar()
        return bool(found == ids(after))

    eventually(recorded)


def test_a_restart_while_everything_is_away_answers_from_the_disk(platform: Platform, engine: Engine) -> None:
    version = platform.promote()
    service = platform.service
    service.start()
    eventually(lambda: recommend(platform, "u1")["model_version"] == version, 15)
    set_flag(
        engine, "personalizedFeed", enabled=True, rollout=0, actor="anna", reason="a test", at=datetime.now(UTC)
    )
    eventually(lambda: recommend(platform, "u9")["flags"]["personalizedFeed"] is False, 10)
    service.stop()
    platform.database_gate.close()
    platform.mlflow_gate.close()
    service.start()
    answer = recommend(platform, "u1")
    assert (answer["answered_by"], answer["model_version"], answer["degraded"]) == ("model", version, True)
    assert answer["flags"]["personalizedFeed"] is False, "flags are kept on disk, too"
    event = {"user_id": "u1", "item_id": ids(answer)[0], "kind": "like"}
    assert service.client.post(f"{PREFIX}/events", json=event).status_code == 202
    assert ids(answer)[0] not in ids(recommend(platform, "u1")), "what is posted here counts all the same"
    began = time.perf_counter()
    for number in range(50):
        recommend(platform, f"u{number}")
    assert time.perf_counter() - began < 3.0
    platform.database_gate.open()

    def stored() -> bool:
        with engine.connect() as connection:
            return connection.execute(text("select count(*) from events where user_id = 'u1'")).scalar() == 1

    eventually(stored, 30)
    eventually(lambda: recommend(platform, "u77")["degraded"] is False, 15)


def test_what_is_posted_to_one_worker_is_known_to_all_within_seconds(platform: Platform) -> None:
    platform.promote()
    settings = platform.service.settings.model_copy(update={"service_workers": 2})
    platform.service.settings = settings
    platform.service.start()
    seen = ids(recommend(platform, "u1"))[0]
    event = {"user_id": "u1", "item_id": seen, "kind": "like"}
    assert platform.service.client.post(f"{PREFIX}/events", json=event).status_code == 202

    def known_to_all() -> bool:
        import httpx

        for _ in range(8):  # each over a connection of its own, so that either worker answers
            with httpx.Client(base_url=platform.service.url, trust_env=False) as client:
                if seen in ids(client.post(f"{PREFIX}/recommend", json={"user_id": "u1"}).json()):
                    return False
        return True

    assert eventually(known_to_all, 8) < 6


def test_after_somebody_was_forgotten_nothing_of_theirs_is_recommended_or_known(
    platform: Platform, engine: Engine
) -> None:
    """The version that is served learned of them, and is served on."""
    service, author = platform.service, "a3"
    version = platform.promote()
    service.start()
    eventually(lambda: recommend(platform, "u1")["model_version"] == version, 15)
    seen = ids(recommend(platform, author))[0]
    for event in (
        {"user_id": author, "item_id": seen, "kind": "like"},
        {"user_id": "u1", "item_id": author, "item_kind": "user", "kind": "follow"},
    ):
        assert service.client.post(f"{PREFIX}/events", json=event).status_code == 202
    assert features(platform, author)["interactions"] == 1
    assert author in authors(recommend(platform, "u1", limit=100))
    assert author in ids(recommend(platform, "u2", content_type="user"))
    eventually(lambda: stored_of(engine, author) == 1)

    parts = Parts(service.settings)
    forget(parts, author, by="ada", reason="asked for it", at=datetime.now(UTC))
    parts.close()
    eventually(lambda: author not in authors(recommend(platform, "u1", limit=100)), 30)
    assert author not in ids(recommend(platform, "u2", content_type="user"))
    eventually(lambda: features(platform, author)["interactions"] == 0, 15)
    assert recommend(platform, "u1", limit=100)["model_version"] == version
    other = platform.promote()
    eventually(lambda: recommend(platform, "u2", limit=100)["model_version"] == other, 15)
    for user in ("u1", "u2", "u3"):
        assert author not in authors(recommend(platform, user, limit=100))
