"""Load and ask: realistic questions that a version must answer possibly before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from config.errors import ModelInvalid
from models.recommendation.options import RecommendationOptions
from models.recommendation.schema import QUESTION_SCHEMA

_ASKED = datetime(2026, 1, 15, 18, tzinfo=UTC)


def probe(options: RecommendationOptions) -> pa.Table:
    """Users in ``QUESTION_SCHEMA``: a stranger, one whose history nobody knows, one with a context."""
    del options
    moment = int((_ASKED - timedelta(days=1)).timestamp() * 1e6)
    rows = [
        _row("probe-stranger", [], [], {}),
        _row("probe-unknown-items", ["no-such-item"] * 3, [moment] * 3, {}),
        _row("probe-context", [], [], {"language": "en", "category": "comedy", "region": "US"}),
    ]
    return pa.Table.from_pylist(rows, schema=QUESTION_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], options: RecommendationOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    expected = probe(options).num_rows
    if len(answers) != expected:
        raise ModelInvalid(f"The model gave {len(answers)} answers to {expected} questions.")
    for number, answer in enumerate(answers):
        if reason := _fault(answer):
            raise ModelInvalid(f"The model's answer to probe {number} is not possible: {reason}.")


def _row(user: str, items: list[str], moments: list[int], context: Mapping[str, str]) -> dict[str, Any]:
    return {
        "user_id": user, "at": _ASKED, "item_kind": "video", "history_items": items,
        "history_kinds": ["like"] * len(items), "history_at": moments, "history_shares": [None] * len(items),
        "truth": [], "split": "test", **context,
    }  # fmt: skip


def _fault(answer: Mapping[str, Any]) -> str | None:
    items = answer.get("items")
    if not isinstance(items, list):
        return "it has no list of items"
    ids = [item.get("id") for item in items]
    if len(set(ids)) < len(ids) or not all(isinstance(name, str) and name for name in ids):
        return "an item comes twice, or has no id"
    for item in items:
        score = item.get("score")
        if not isinstance(score, float) or not math.isfinite(score):
            return f"the score of {item['id']} is {score!r}"
    return None
