"""What tests of tasks on a database and an object store share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from tasks.platform import Platform
from tests.content_world import models, parts, shared
from tests.integration.tasks.backup_world import places

__all__ = ["models", "parts", "places", "shared"]


@pytest.fixture
def face_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as a worker's process reads them, with three classes."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    environment = {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
        "FACE_CLASSES": "Serious,Soft,Warm",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settings.model_copy(update={"face_classes": ("Serious", "Soft", "Warm")})


@pytest.fixture
def platform_parts(face_settings: Settings) -> Iterator[Platform]:
    """The platform's parts with those settings."""
    made = Platform(face_settings)
    yield made
    made.close()


@pytest.fixture
def plain(settings: Settings, engine: Engine) -> Iterator[Platform]:
    made = Platform(settings)
    yield made
    made.close()
