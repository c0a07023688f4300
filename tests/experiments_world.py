"""Experiments with decisions and rewards on record, as the service would have put them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Engine

from models.experiments import policy
from models.experiments.definition import Definition, VariantCounts, parse_definition
from serving.experiments.desk import ExperimentDesk
from storage.experiment_decisions import NewDecision, NewReward, record_decisions, record_rewards

STARTED = datetime(2026, 11, 18, 9, tzinfo=UTC)
#: Decisions between two looks of the policy at the counts.
STEP = 50


def thumbnails(name: str = "thumbnails", **more: Any) -> dict[str, Any]:
    """A definition: Thompson sampling over three thumbnails, with a guard-rail."""
    return {
        "id": name,
        "title": "Which thumbnail is clicked on",
        "variants": [{"name": "plain"}, {"name": "face"}, {"name": "text"}],
        "reward": {"name": "click", "kind": "binary", "missing": "zero", "window_hours": 24},
        "policy": {"kind": "thompson", "posterior": "beta", "exploration": 0.02},
        "guardrails": [{"metric": "load_seconds", "limit": 0.2, "low": 0, "high": 5, "action": "alarm"}],
        "minimum_effect": 0.02,
        "planned_decisions": 2000,
        **more,
    }


def make(
    engine: Engine, definition: Mapping[str, Any], *, start: bool = True, at: datetime = STARTED
) -> Definition:
    """Create an experiment and start it."""
    desk = ExperimentDesk(engine, lambda: at)
    desk.create(definition, "ada")
    if start:
        desk.start(definition["id"], "ada", "Let us see.")
    return parse_definition(definition)


def visit(
    engine: Engine,
    definition: Definition,
    rates: Mapping[str, float],
    visitors: int,
    *,
    seed: int = 1,
    first: datetime = STARTED,
    span: timedelta = timedelta(days=2),
    contexts: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Let visitors come, evenly over ``span``: each gets a variant of the policy, and clicks with its rate.

    A contextual policy draws uniformly here: what counts is that the propensity is the one that was drawn with.
    """
    rng = np.random.default_rng(seed)
    sums = {name: np.zeros(2) for name in definition.names}
    for start in range(0, visitors, STEP):
        counts = [VariantCounts(name, int(n), r, r) for name, (n, r) in sums.items()]
        uniform = definition.policy.kind == "contextual"
        chances = np.full(len(sums), 1 / len(sums)) if uniform else policy.probabilities(definition, counts)
        rows, rewards = [], []
        for number in range(start, min(start + STEP, visitors)):
            place = policy.draw(chances, rng.random())
            name = definition.names[place]
            at = first + span * number / visitors
            decision = str(UUID(bytes=rng.bytes(16), version=4))
            context = contexts[number % len(contexts)] if contexts else None
            rows.append(
                NewDecision(
                    decision, definition.id, name, f"visitor-{seed}-{number}", definition.sticky, at,
                    float(chances[place]), context, 1,
                )
            )  # fmt: skip
            clicked = float(rng.random() < rates[name])
            metrics = {rail.metric: abs(float(rng.normal(1, 0.3))) for rail in definition.guardrails}
            if clicked or metrics:
                rewards.append(
                    NewReward(
                        decision, definition.id, clicked, clicked, at + timedelta(minutes=1), 86_400.0, metrics
                    )
                )
            sums[name] += (1, clicked)
        record_decisions(engine, rows)
        record_rewards(engine, rewards)
