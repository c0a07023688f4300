"""Content in a database, and models in production without MLflow: for tests of the work on content."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import RegistryUnavailable
from config.settings import Settings
from storage.content_claims import claim_due
from storage.contents import put_contents
from tasks import content_tools
from tasks.content_dispatch import Dispatcher
from tasks.content_models import ContentModels
from tasks.platform import Platform
from tests.content_models import content_predictor

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Version:
    version: str
    family: str = "moderation"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeRegistry:
    """Stands in for MLflow: what is in production, or that it is away. The models are real ones."""

    production_of: dict[str, tuple[str, Any]] = field(default_factory=dict)
    away: bool = False
    folders: Path = Path()
    tried: dict[str, tuple[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def try_out(
        self, family: str, predictor: Any, *, mode: str = "canary", share: float = 0.5, number: int = 7
    ) -> None:
        """Version 9 of the family beside the one in production; None: nothing any more."""
        told = {"id": number, "version": "9", "mode": mode, "share": share, "started_at": AT.isoformat()}
        self.tags[family] = {"assay.rollout": json.dumps(told)} if predictor is not None else {}
        self.tried[family] = ("9", predictor)

    def production(self, family: str) -> Version | None:
        if self.away:
            raise RegistryUnavailable("MLflow does not answer.")
        found = self.production_of.get(family)
        return Version(found[0], family, self.tags.get(family, {})) if found else None

    def load(self, family: str, version: str) -> Any:
        known = dict([self.production_of[family], *([self.tried[family]] if family in self.tried else [])])
        if isinstance(known[version], Exception):
            raise known[version]
        return type("Loaded", (), {"predictor": known[version], "version": Version(version)})()

    def folder(self, version: Version) -> Path:
        return self.folders / version.family / version.version

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def parts(settings: Settings, engine: Engine, tmp_path: Path) -> Iterator[Platform]:
    made = Platform(settings)
    made.__dict__["registry"] = FakeRegistry(
        {
            "moderation": ("3", content_predictor("moderation")),
            "sentiment": ("2", content_predictor("sentiment")),
        },
        folders=tmp_path / "models",
    )
    yield made
    made.engine.dispose()


@pytest.fixture
def models(parts: Platform, tmp_path: Path) -> ContentModels:
    return ContentModels(parts, tmp_path / "notes", clock=iter(range(0, 10**8, 10)).__next__)


@pytest.fixture
def shared(parts: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The tasks' own parts are these."""
    monkeypatch.setattr(content_tools, "_made", [(parts, models)])
    return parts


def publish(parts: Platform, *rows: dict[str, Any]) -> list[str]:
    put_contents(parts.engine, [{"kind": "post", "creator_id": "ana", **row} for row in rows], AT)
    return [one.id for one in claim_due(parts.engine, limit=100, at=AT)]


@contextmanager
def dispatching(parts: Platform) -> Iterator[None]:
    """A dispatcher at work, with Prefect away."""
    own = Platform(parts.settings)
    dispatcher = Dispatcher(own, 1, lambda: None, lambda: False)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    try:
        yield
    finally:
        dispatcher.stop()
        thread.join(10)
        own.close()


def until(done: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether it is so before that time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.05)
    return done()
