"""The parts that keep data: PostgreSQL, its tables, and the object store; our own, or somebody else's."""

from __future__ import annotations

import os
import sys

from config.errors import PlatformError
from config.settings import Settings
from local.environment import part_environment
from local.parts import EXTERNAL_SECONDS, Part
from local.postgres import PostgresCluster
from local.probes import answers_http, endpoint, folder_writable, speaks_postgres

#: An S3 store refuses an anonymous question, and answers.
_S3_UP = frozenset({200, 400, 403, 404, 405})
_MIGRATE = """\
from config.settings import load_settings
from storage.database import migrate
migrate(load_settings())
"""


def cluster(settings: Settings) -> PostgresCluster:
    """The private PostgreSQL of ``settings.home``, or the server that DB_HOST names."""
    return PostgresCluster(
        settings.home / "postgres",
        settings.database_port,
        settings.db_user,
        settings.db_password.get_secret_value() if settings.db_password else "",
        host=settings.db_host or "127.0.0.1",
        bin_folder=settings.postgres_bin,
        log=settings.home / "logs" / "postgres.log",
    )


def database_part(settings: Settings) -> Part:
    """PostgreSQL, with the databases of the parts that are ours."""
    url = f"postgresql://{settings.db_host or '127.0.0.1'}:{settings.database_port}/{settings.db_name}"
    if not settings.embedded_database:
        return Part(
            "postgres",
            "PostgreSQL",
            "external",
            probe=lambda _: speaks_postgres(settings),
            setting="DB_HOST",
            host=settings.db_host or "",
            port=settings.database_port,
            url=url,
            start_seconds=EXTERNAL_SECONDS,
            after=lambda: _ensure_databases(settings),
        )
    server = cluster(settings)
    return Part(
        name="postgres",
        title="PostgreSQL",
        command=server.command,
        environment={"TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)},
        probe=lambda _: server.is_ready(),
        before=server.prepare,
        after=lambda: _ensure_databases(settings),
        options=server.popen_kwargs,
        own_endpoint=True,
        port=settings.database_port,
        setting="DB_PORT",
        url=url,
        stop_signal=server.stop_signal,
    )


def _ensure_databases(settings: Settings) -> None:
    import psycopg

    names = [settings.db_name]
    if settings.prefect_api_url is None:
        names.append(settings.prefect_db_name)
    if settings.mlflow_tracking_uri is None:
        names.append(settings.mlflow_db_name)
    try:
        cluster(settings).ensure_databases(names)
    except psycopg.Error as error:
        raise PlatformError(
            f"The databases {', '.join(names)} are not all there, and cannot be made ({str(error).strip()}).",
            hint=f"Create them for user {settings.db_user}, or give that user the right to (CREATEDB).",
        ) from None


def objects_part(settings: Settings) -> Part:
    """The object store: a folder, or an S3 endpoint."""
    if settings.minio_endpoint:
        url, host, port = endpoint(settings.minio_endpoint, settings.minio_secure)
        return Part(
            "objects",
            "Object store",
            "external",
            probe=lambda _: answers_http(url, _S3_UP),
            host=host,
            port=port,
            setting="MINIO_ENDPOINT",
            url=url,
            start_seconds=EXTERNAL_SECONDS,
        )
    folder = settings.home / "objects" / settings.ml_artifacts_bucket
    return Part(
        "objects",
        "Object store",
        "external",
        probe=lambda _: folder_writable(folder),
        setting="ASSAY_HOME",
        url=folder.as_uri(),
        start_seconds=1.0,
    )


def migrate_part(settings: Settings) -> Part:
    """The job that brings the platform's own tables up to date."""
    return Part(
        name="migrate",
        title="Database tables",
        kind="job",
        command=lambda: [sys.executable, "-c", _MIGRATE],
        environment=part_environment(settings, "migrate"),
        needs=("postgres",),
    )
