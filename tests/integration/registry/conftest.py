"""A registry on the session's MLflow, and versions to move about."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from registry.gate import Check, GateResult
from registry.records import ModelVersion
from registry.registry import Registry
from tests.viral_world import roles, trained

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
Register = Callable[..., ModelVersion]
_keys = itertools.count(1)


@pytest.fixture
def register(registry: Registry) -> Register:
    """Registers a trained version, with a gate that it ``passed`` (None: never asked) against ``champion``."""

    def one(*, passed: bool | None = True, champion: str | None = None, key: str | None = None) -> ModelVersion:
        predictor, evaluation = trained()
        version = registry.log_training(
            family="viral",
            predictor=predictor,
            evaluation=evaluation,
            comparison=None,
            dataset="viral/full/2026-10",
            dataset_sha256="a" * 64,
            params={"trees": 25},
            rows=dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True)),
            key=key or f"test-{next(_keys)}",
        )
        if passed is None:
            return version
        gate = GateResult(passed, (Check("accuracy floor", passed, "test accuracy 0.900"),), champion)
        return registry.record_gate("viral", version.version, gate)

    return one
