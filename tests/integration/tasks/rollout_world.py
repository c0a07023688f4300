"""A month of viral candidates with outcomes, and versions good and poor that learned from the month before."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from registry.gate import Check, GateResult
from tasks.platform import Platform
from tests.admin_world import publish_viral
from tests.viral_world import roles, trained

#: Data of what the versions learned from ends before; outcomes of the days from here on are news to them.
PROMOTED = dt.datetime(2026, 10, 8, 9, tzinfo=dt.UTC)
WEEK_LATER = PROMOTED + dt.timedelta(days=6, hours=20)
DATASET = "viral/full/2026-09"
_keys = itertools.count(1)


@pytest.fixture
def watching(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    """The platform with these data, whose monitor may roll back."""
    settings = ml_settings.model_copy(update={"auto_rollback": True, "monitor_min_rows": 100})
    publish_viral(settings, engine)
    made = Platform(settings)
    yield made
    made.close()


def register(
    parts: Platform, *, poor: bool = False, champion: str | None = None, dataset: str = DATASET
) -> str:
    """A version that the gate passed against ``champion``; a poor one knows next to nothing."""
    predictor, evaluation = trained(poor)
    version = parts.registry.log_training(
        family="viral",
        predictor=predictor,
        evaluation=evaluation,
        comparison=None,
        dataset=dataset,
        dataset_sha256="a" * 64,
        params={"trees": 25},
        rows=dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True)),
        key=f"rollout-{next(_keys)}",
    )
    gate = GateResult(True, (Check("accuracy floor", True, "test accuracy 0.900"),), champion)
    return parts.registry.record_gate("viral", version.version, gate).version


def promote(parts: Platform, version: str, at: dt.datetime = PROMOTED) -> None:
    """Put it into production past the gate, as an admin can."""
    parts.registry.promote("viral", version, actor="ana", reason="looks good", force=True, at=at)
