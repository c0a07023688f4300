"""The platform's parts, one of each for the process, with time-outs that a waiting person accepts."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Engine
from starlette.requests import Request

from config.settings import Settings
from registry.api import MlflowApi
from registry.registry import Registry
from storage.database import make_engine
from storage.objects import ObjectStore, open_store
from tasks.flow_client import FlowClient
from tasks.platform import Platform

POOL_SIZE = 4
#: No page waits longer than this for a part that is away.
PATIENCE_SECONDS = 3
#: Reading a large version may take longer; without a single byte for so long, the store is away.
STORE_SECONDS = 10.0


class AdminParts(Platform):
    """As tasks have them, but impatient."""

    @cached_property
    def engine(self) -> Engine:
        """The platform's database."""
        return make_engine(self.settings, pool_size=POOL_SIZE, connect_seconds=PATIENCE_SECONDS)

    @cached_property
    def store(self) -> ObjectStore:
        """The bucket of datasets; a person asks again by themselves."""
        return open_store(self.settings, retries=0, timeout=STORE_SECONDS)

    @cached_property
    def reading(self) -> Registry:
        """The registry for pages that only look: it gives up sooner than the one that promotes."""
        api = MlflowApi(self.settings.mlflow_url, timeout=PATIENCE_SECONDS, attempts=1)
        return Registry(self.settings, self.engine, api)

    def prefect(self) -> FlowClient:
        """A client of Prefect, to be closed by the caller."""
        patience = PATIENCE_SECONDS
        return FlowClient(self.settings, timeout=patience, connect_timeout=patience - 1, attempts=1)

    def close(self) -> None:
        """Close what was opened."""
        if "reading" in self.__dict__:
            self.reading.close()
        super().close()


def parts(request: Request) -> AdminParts:
    """Database, object store, datasets and registry. Use it in a thread: each of them blocks."""
    found: AdminParts = request.app.state.parts
    return found


def settings(request: Request) -> Settings:
    """The settings of this process."""
    return parts(request).settings
