"""Lists made ahead, as a flow on real servers: what a person reads of it, and what it leaves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from config.settings import Settings
from registry.gate import Check, GateResult
from registry.registry import Registry
from storage.events import insert_events
from storage.recommendation_lists import read_lists
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.recommendation_model_world import tiny_recommender, tiny_recommender_figures

pytestmark = PREFECT_SOCKETS


def refresh(**parameters: Any) -> dict[str, Any]:
    from flows.recommendations import refresh_recommendations

    return asyncio.run(refresh_recommendations(**parameters))  # type: ignore[return-value]


def promote(registry: Registry) -> str:
    version = registry.log_training(
        family="recommendation", predictor=tiny_recommender(), evaluation=tiny_recommender_figures(),
        comparison=None, dataset="recommendation/full/2026-10", dataset_sha256="a" * 64, params={},
        rows={"train": 400, "valid": 40, "test": 40}, key="lists",
    )  # fmt: skip
    registry.record_gate(
        "recommendation", version.version, GateResult(True, (Check("test", True, "fine"),), None)
    )
    registry.promote("recommendation", version.version, actor="test", reason="test", at=datetime.now(UTC))
    return version.version


def test_a_run_stores_the_lists_of_active_users_and_says_what_it_did(
    engine: Engine, registry: Registry, report: Report
) -> None:
    version = promote(registry)
    now = datetime.now(UTC)
    rows = [
        {"user_id": f"u{user}", "item_id": f"v{user}", "kind": "like", "at": now - timedelta(hours=1 + user)}
        for user in range(6)
    ]
    insert_events(engine, [*rows, rows[0] | {"user_id": "away", "at": now - timedelta(days=9)}], now)

    summary = refresh(count=10)
    again = refresh(user_ids=["u0", "somebody-new"], item_kinds=["video", "post"], count=5)

    assert (summary["users"], summary["lists"], summary["version"]) == (6, 6, version)
    assert (again["users"], again["lists"], again["without_history"]) == (2, 4, 1)
    found = read_lists(engine, [(f"u{user}", "video") for user in range(6)] + [("away", "video")])
    assert len(found) == 6
    assert {len(one.items) for (user, _), one in found.items() if user != "u0"} == {10}
    assert len(found["u0", "video"].items) == 5
    text = report("refresh-recommendations")
    assert f"by version {version}" in text
    assert "2 users, 4 lists with 20 items" in text
    assert "No list was." in text


def test_without_a_version_in_production_the_run_is_skipped_and_says_why(
    flow_settings: Settings, engine: Engine, report: Report
) -> None:
    now = datetime.now(UTC)
    insert_events(engine, [{"user_id": "u", "item_id": "v1", "kind": "like", "at": now}], now)
    summary = refresh()
    assert summary["skipped"]
    assert read_lists(engine, [("u", "video")]) == {}
    assert "No version is in production" in report("refresh-recommendations")
