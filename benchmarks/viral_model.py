"""A viral model trained on the sample world, for benchmarks and tests that need a real one in seconds."""

from __future__ import annotations

from datetime import date
from typing import Any

from config.settings import load_settings
from demo.world import WorldSize, make_world
from models.viral import FAMILY


def sample_model(params: dict[str, Any] | None = None, size: WorldSize | None = None) -> Any:
    """A predictor fitted to the sample world; ``params`` overrides the family's own."""
    settings = load_settings()
    options = FAMILY.options(settings)
    rows, _ = FAMILY.clean(make_world(date(2026, 11, 1), size=size), None, None)
    roles = FAMILY.examples_from_rows({"train": rows}, options)
    return FAMILY.fit(roles["train"], roles["valid"], options, params or {}, settings.training_seed)
