from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import load_settings
from tests.gateway_world import KEY, SECRET, World


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Makes gateways; settings may be changed."""

    def make(**changed: Any) -> World:
        return World(load_settings(assay_home=tmp_path, **{"ml_api_key": KEY, "jwt_secret": SECRET, **changed}))

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
