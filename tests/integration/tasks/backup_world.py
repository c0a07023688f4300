"""A platform as on a server, to back up and to restore into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from config.settings import Settings
from local.postgres_host import CLIENT, find_programs
from storage.backups import BackupFolder
from tasks.backup import BackupReport, back_up
from tasks.backup_restore import restore
from tests.conftest import PostgresServer

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Place:
    """A platform of its own: databases, objects, and an MLflow that keeps its artifacts among them."""

    settings: Settings

    def execute(self, statement: str, database: str) -> None:
        url = self.settings.database_url(database).replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())


class Places:
    """Makes places, and takes them away."""

    def __init__(self, postgres: PostgresServer, folder: Path) -> None:
        self._postgres, self._folder, self._made = postgres, folder, 0
        self.names: list[str] = []

    def new(self, *, migrated: bool) -> Place:
        self._made += 1
        kinds = ("assay", "mlflow", "prefect")
        name, mlflow, prefect = (f"backup_{kind}_{id(self)}_{self._made}" for kind in kinds)
        self._postgres.create_database(name, "template_migrated" if migrated else "template1")
        self._postgres.create_database(mlflow)
        self._postgres.create_database(prefect)
        self.names += [name, mlflow, prefect]
        home = self._folder / f"home-{self._made}"
        home.mkdir()
        # as on a server: both services have an address, and their databases lie beside ours
        addresses = {
            "mlflow_tracking_uri": "http://mlflow.invalid:5000",
            "prefect_api_url": "http://prefect.invalid/api",
        }
        names = {"mlflow_db_name": mlflow, "prefect_db_name": prefect}
        return Place(self._postgres.settings(name, home, **addresses, **names))

    def drop(self, database: str) -> None:
        self._postgres.drop_database(database)

    def close(self) -> None:
        for name in self.names:
            self._postgres.drop_database(name)


@pytest.fixture
def places(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Places]:
    made = Places(postgres_server, tmp_path)
    yield made
    made.close()


def programs() -> Path:
    return find_programs(needed=CLIENT).folder


def run(place: Place, target: BackupFolder, minutes: int = 0, keep: int | None = None) -> BackupReport:
    at = AT + timedelta(minutes=minutes)
    alone = {"platform": place.settings.db_name}
    return back_up(place.settings, target, programs=programs(), at=at, databases=alone, keep=keep)


def bring_back(place: Place, target: BackupFolder, name: str | None = None) -> None:
    restore(place.settings, target, name, programs=programs(), databases={"platform": place.settings.db_name})
