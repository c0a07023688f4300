"""Load and ask: realistic examples that a version must answer possibly before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from models.acceptance import check_answers
from models.ctr.options import CtrOptions
from models.ctr.schema import INPUT_SCHEMA


def probe(options: CtrOptions) -> pa.Table:  # noqa: ARG001 - the same questions whatever the bands
    """A few clips in ``INPUT_SCHEMA``: bare and complete, with names that no model has seen, without a past and
    with a long one that was clicked never or always.
    """
    asked = datetime(2026, 1, 15, 18, tzinfo=UTC)
    full: dict[str, Any] = {
        "group_id": "probe-group", "creator_id": "probe-creator", "advertiser_id": "probe-advertiser",
        "creative_id": "probe-creative", "title": "You won't believe this hack!", "hook_text": "Wait ...",
        "category": "comedy", "language": "en", "duration": 21.5, "psychology_composite": 0.7,
        "hook_strength": 0.8, "novelty_score": 0.4, "emotion_priority": 0.6, "has_face": True,
        "composite_score": 0.7, "published_at": asked - timedelta(days=2), "hour": 18,
        "placement": "probe-placement", "audience": "probe-audience", "device": "probe-device",
    }  # fmt: skip
    pasts = [{}, *(_past(1_000_000, clicks) for clicks in (0, 20_000, 1_000_000))]
    rows = [
        {"clip_id": f"probe-{number}-{len(fields)}", "at": asked, **fields, **past}
        for number, past in enumerate(pasts)
        for fields in ({}, full)
    ]
    return pa.Table.from_pylist(rows, schema=INPUT_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], options: CtrOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, probe(options).num_rows, lambda found: _fault(found, options))


def _past(impressions: int, clicks: int) -> dict[str, int]:
    return {
        f"{who}_{name}": count
        for who in ("clip", "creator", "advertiser")
        for name, count in (("impressions", impressions), ("clicks", clicks))
    }


def _fault(found: Mapping[str, Any], options: CtrOptions) -> str | None:
    names = ("ctr_low", "predicted_ctr", "ctr_high", "confidence")
    try:
        values = {name: float(found[name]) for name in names}
        band = found["predicted_band"]
    except (KeyError, TypeError, ValueError) as error:
        return f"it lacks or garbles a field ({error!r})"
    for name, value in values.items():
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            return f"its {name} is {value}"
    if not values["ctr_low"] <= values["predicted_ctr"] <= values["ctr_high"]:
        return (
            f"the rate {values['predicted_ctr']} lies outside its interval, "
            f"{values['ctr_low']} to {values['ctr_high']}"
        )
    if band != options.band(values["predicted_ctr"]):
        return f"the rate {values['predicted_ctr']} is not of band {band}"
    return None
