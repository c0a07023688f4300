"""The check of what was promised, against a real database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from chaos.checks import check_kept
from chaos.ledger import Ask
from config.settings import Settings
from serving.recorder import new_identities
from storage.predictions import insert_predictions

MARK = "chaos-1-"


def listed(identity: str) -> Ask:
    return Ask("lists", (identity,), 1.0, 1.1, 200, promised=True, made=1.0)


def recorded(identity: str, family: str = "recommendation") -> dict[str, Any]:
    at = datetime.now(UTC)
    return {
        "id": identity, "family": family, "entity_id": "user-001", "at": at, "inputs": {"limit": 10},
        "answer": {"items": ["video-001"]}, "model_version": "1", "latency_ms": 1.0, "received_at": at,
    }  # fmt: skip


def found(settings: Settings, asks: list[Ask]) -> dict[str, tuple[bool, str]]:
    return {check.name: (check.good, check.found) for check in check_kept(settings, MARK, asks, [])}


NAME = "no lost or doubled recommended lists"


def test_lists_that_are_on_record_hold_also_when_they_were_given_again(
    settings: Settings, engine: Engine
) -> None:
    some = new_identities(2)
    insert_predictions(engine, [recorded(one) for one in some], settings=settings)
    checks = found(settings, [listed(one) for one in [*some, *some]])
    assert all(good for good, _ in checks.values())
    assert checks[NAME][1] == "2 promised, 0 lost, 0 doubled"


@pytest.mark.parametrize("family", [None, "viral"])
def test_a_list_that_was_answered_and_is_not_on_record_is_lost(
    settings: Settings, engine: Engine, family: str | None
) -> None:
    kept, lost = new_identities(2)
    rows = [recorded(kept), *([recorded(lost, family)] if family else [])]
    insert_predictions(engine, rows, settings=settings)
    good, said = found(settings, [listed(kept), listed(lost)])[NAME]
    assert not good
    assert said == f"2 promised, 1 lost, 0 doubled: {lost}"
