"""Trending as a flow on real servers: what a person reads of it, and what it leaves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.trending import as_of, top
from tests import trending_world
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.trending_world import event, known, send

pytestmark = PREFECT_SOCKETS


def refresh(**parameters: Any) -> dict[str, Any]:
    from flows.trending import refresh_trending

    return asyncio.run(refresh_trending(**parameters))


def test_a_run_publishes_lists_and_says_what_came_in_and_what_was_left_out(
    engine: Engine, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trending_world, "NOW", datetime.now(UTC))
    send(engine, [row for user in "abc" for row in known(user, "hit", 1)])
    first = refresh()
    assert first["rebuilt"]
    send(engine, [event("a", "hit", 0.5), event("b", "other", 0.5, "skip"), event("d", "hit", 0.2)])
    second = refresh()

    assert not second["rebuilt"]
    assert second["counted"] == {
        "events": 3, "contributions": 1, "repeated": 1, "worthless": 1, "too old": 0, "counted anew": 0,
        "overactive days": 0,
    }  # fmt: skip
    assert [row.item_id for row in top(engine, window="24h")] == ["hit"]
    assert as_of(engine) == datetime.fromisoformat(second["as_of"])
    text = report("refresh-trending")
    assert "3 events, new since the last run: 1 count." in text
    assert "| 1 | the account had done as much with the item that day: it counts once |" in text
    assert "| hit | video |" in text
    assert refresh(rebuild=True)["rebuilt"]
    assert "counted anew, of all events that windows reach" in report("refresh-trending")
