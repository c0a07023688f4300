"""What many tests need: a private PostgreSQL a session, a fresh migrated database and an ASSAY_HOME a test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from sqlalchemy import Engine

from config.settings import Settings, load_settings
from local.ports import free_port
from local.postgres import PostgresCluster

# Whose machine is busy says nothing about the code. The rest (fixed seeds in CI) stays as Hypothesis finds it.
hypothesis_settings.register_profile(
    "assay", hypothesis_settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("assay")

USER, PASSWORD = "assay", "a test's password"
TEMPLATE = "template_migrated"
#: The machine's own settings must not reach a test.
SETTING_NAMES = tuple(name.upper() for name in Settings.model_fields)


@dataclass(frozen=True)
class PostgresServer:
    """The session's server; most tests want the fixture ``settings`` instead, a fresh database on it."""

    cluster: PostgresCluster
    host: str = "127.0.0.1"
    user: str = USER
    password: str = PASSWORD

    @property
    def port(self) -> int:
        return self.cluster.port

    def settings(self, database: str, home: Path, **overrides: object) -> Settings:
        return load_settings(
            assay_home=home, db_host=self.host, db_port=self.port, db_user=self.user,
            db_password=self.password, db_name=database, **overrides,
        )  # fmt: skip

    def execute(self, statement: sql.Composable) -> None:
        with psycopg.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname="postgres",
            autocommit=True,
        ) as connection:  # fmt: skip
            connection.execute(statement)

    def create_database(self, name: str, template: str = "template1") -> None:
        self.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        )

    def drop_database(self, name: str) -> None:
        self.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL cluster, with a migrated database to copy from."""
    # Not pytest's own temporary folder: that is closed to the account that PostgreSQL runs as under root.
    folder = Path(tempfile.mkdtemp(prefix="assay-tests-"))
    folder.chmod(0o755)
    cluster = PostgresCluster(folder / "postgres", free_port(), USER, PASSWORD, durable=False)
    try:
        cluster.start()
        server = PostgresServer(cluster)
        cluster.ensure_databases([TEMPLATE])
        from storage.database import migrate

        migrate(server.settings(TEMPLATE, folder))
        yield server
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def settings(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a fresh, migrated, empty database and an ASSAY_HOME of the test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    postgres_server.create_database(name, TEMPLATE)
    yield postgres_server.settings(name, tmp_path / "home")
    postgres_server.drop_database(name)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on the database of ``settings``."""
    from storage.database import make_engine

    made = make_engine(settings)
    yield made
    made.dispose()
