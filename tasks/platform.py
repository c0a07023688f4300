"""The platform's parts as a task needs them: made when they are used, closed when the task ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Engine

from config.settings import Settings, load_settings
from registry.registry import Registry
from storage.database import advisory_guard, make_engine
from storage.datasets.repository import DatasetRepository
from storage.objects import ObjectStore, open_store


class Platform:
    """Database, object store, dataset versions and registry of one task run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def engine(self) -> Engine:
        """The platform's database."""
        return make_engine(self.settings)

    @cached_property
    def store(self) -> ObjectStore:
        """The bucket of datasets."""
        return open_store(self.settings)

    @cached_property
    def datasets(self) -> DatasetRepository:
        """Dataset versions, published one at a time across all processes."""
        return DatasetRepository(self.store, guard=advisory_guard(self.engine))

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        return Registry(self.settings, self.engine)

    def close(self) -> None:
        """Close what was opened."""
        made = self.__dict__
        if "registry" in made:
            self.registry.close()
        if "engine" in made:
            self.engine.dispose()


@contextmanager
def platform() -> Iterator[Platform]:
    """The parts, by the settings as they are now."""
    parts = Platform(load_settings())
    try:
        yield parts
    finally:
        parts.close()
