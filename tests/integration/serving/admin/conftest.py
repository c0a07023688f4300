"""The admin pages on a real server, and visitors with the roles that they need."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from config.settings import Settings
from local.ports import free_port
from storage.accounts import create_account, list_accounts
from storage.database import make_engine
from storage.datasets.manifest import Manifest
from tests import admin_world
from tests.conftest import TEMPLATE, PostgresServer
from tests.verify_world import served

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
HTML = {"accept": "text/html"}
#: Gives a browser's stand-in: logged in with a role, or not at all.
Visitor = Callable[..., httpx.Client]


def token(client: httpx.Client, path: str = "/account") -> str:
    """The token that the forms of a session carry."""
    found = re.search(r'<meta name="csrf" content="([^"]+)">', client.get(path).text)
    assert found is not None
    return found[1]


def without_tools(settings: Settings) -> Settings:
    """Settings of pages whose Prefect, MLflow and services do not answer."""
    gone = free_port()
    return settings.model_copy(update={"prefect_port": gone, "mlflow_port": gone, "recommendation_port": gone})


@contextmanager
def visitors(url: str, engine: Engine) -> Iterator[Visitor]:
    made: list[httpx.Client] = []

    def one(role: str | None = None) -> httpx.Client:
        client = httpx.Client(base_url=url, headers=HTML, trust_env=False, timeout=20)
        made.append(client)
        if role is not None:
            if role not in {account.name for account in list_accounts(engine)}:
                create_account(engine, name=role, role=role, password=PASSWORD, at=AT)
            answer = client.post("/login", data={"name": role, "password": PASSWORD})
            assert answer.status_code == 303
        return client

    yield one
    for client in made:
        client.close()


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    with served(without_tools(settings)) as pages:
        yield pages.url


@pytest.fixture
def visitor(url: str, engine: Engine) -> Iterator[Visitor]:
    with visitors(url, engine) as one:
        yield one


@dataclass(frozen=True)
class Library:
    """Pages with dataset versions to look at, which no test changes."""

    settings: Settings
    engine: Engine
    made: dict[str, Manifest]
    visitor: Visitor


@pytest.fixture(scope="module")
def library(postgres_server: PostgresServer) -> Iterator[Library]:
    postgres_server.create_database("admin_library", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-library-"))
    settings = without_tools(postgres_server.settings("admin_library", home))
    engine = make_engine(settings)
    made = admin_world.publish_viral(settings, engine)
    admin_world.decide_some(engine)
    with served(settings) as pages, visitors(pages.url, engine) as visitor:
        yield Library(settings, engine, made, visitor)
    engine.dispose()
    postgres_server.drop_database("admin_library")
    shutil.rmtree(home, ignore_errors=True)
