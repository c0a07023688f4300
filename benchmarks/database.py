"""A PostgreSQL of a benchmark's own, which lives as long as the run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from config.settings import Settings, load_settings
from local.ports import free_port
from local.postgres import PostgresCluster
from storage.database import make_engine, migrate

PASSWORD = "a benchmark's password"  # noqa: S105 - of a server that lives for a minute


@contextmanager
def bench_database(**more: object) -> Iterator[tuple[Engine, Settings, Path]]:
    """An engine on a migrated database, the settings of it (with ``more``), and a folder for the run."""
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    folder.chmod(0o755)  # the account that PostgreSQL runs as under root enters it
    cluster = PostgresCluster(folder / "postgres", free_port(), "assay", PASSWORD)
    settings = load_settings(
        assay_home=folder / "home", db_host="127.0.0.1", db_port=cluster.port, db_user="assay",
        db_password=PASSWORD, db_name="assay", **more,
    )  # fmt: skip
    try:
        cluster.start()
        cluster.ensure_databases(["assay"])
        migrate(settings)
        engine = make_engine(settings)
        try:
            yield engine, settings, folder
        finally:
            engine.dispose()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def database_environment(settings: Settings) -> dict[str, str]:
    """What a process needs in its environment to find the database of ``settings``."""
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(settings.database_port),
        "DB_USER": "assay",
        "DB_PASSWORD": PASSWORD,
        "DB_NAME": "assay",
    }
