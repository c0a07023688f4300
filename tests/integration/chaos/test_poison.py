"""Poisoned versions in a real MLflow: what a service does when the alias is put on one by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chaos.kinds import POISONS
from chaos.poison import FAMILY, poisoned
from config.errors import ModelNotFound
from config.settings import Settings
from models.family import get_family
from registry.registry import Registry
from serving.disk_copy import DiskCopy
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot
from serving.watcher import Watcher
from tests.viral_world import roles, trained

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def champion(registry: Registry) -> str:
    """A sound version in production."""
    predictor, evaluation = trained()
    version = registry.log_training(
        family=FAMILY,
        predictor=predictor,
        evaluation=evaluation,
        comparison=None,
        dataset="viral/full/2026-10",
        dataset_sha256="a" * 64,
        params={},
        rows=dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True)),
        key="sound",
    )
    registry.promote(FAMILY, version.version, actor="test", reason="sound", force=True, at=AT)
    return version.version


@pytest.mark.parametrize("kind", POISONS)
def test_a_poisoned_version_is_refused_its_code_does_not_run_and_the_one_before_goes_on(
    kind: str, registry: Registry, champion: str, ml_settings: Settings, tmp_path: Path
) -> None:
    slot, marker = ModelSlot(), tmp_path / "marker"
    watcher = Watcher(
        get_family(FAMILY), ml_settings, slot, DiskCopy(tmp_path / "copy"),
        ServiceMetrics("viral").model(FAMILY), lambda: registry,
    )  # fmt: skip
    watcher.look()
    with poisoned(ml_settings, kind, marker, 1) as bad:
        production = registry.production(FAMILY)
        assert production is not None
        assert production.version == bad
        watcher.look()
        assert bad in slot.registry.refused
        assert slot.current is not None
        assert slot.current.version == champion
    assert not marker.exists()
    assert registry.production(FAMILY).version == champion  # type: ignore[union-attr]
    with pytest.raises(ModelNotFound):
        registry.version(FAMILY, bad)
    watcher.look()
    assert slot.registry.refused == {}
