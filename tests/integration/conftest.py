"""Real servers, once a session: MLflow with its artifact proxy, Prefect with its scheduler, on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from config.settings import TELEMETRY_OFF, Settings
from local.ports import free_port
from models.family import FAMILIES
from tests.conftest import PostgresServer

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from sqlalchemy import Engine

    from registry.registry import Registry

START_SECONDS = 90
BIN = Path(sys.executable).parent


@contextmanager
def server(
    command: Sequence[str], environment: Mapping[str, str], health: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that has answered its health check; stopped with all its children at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, **TELEMETRY_OFF, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _wait(process, health, log)
        yield process
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                process.wait(10)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(health, timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{health} never answered:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def mlflow_artifacts() -> Iterator[Path]:
    """The folder in which the MLflow server keeps artifacts."""
    with tempfile.TemporaryDirectory(prefix="assay-mlflow-") as name:
        yield Path(name) / "artifacts"


@pytest.fixture(scope="session")
def mlflow_url(postgres_server: PostgresServer, mlflow_artifacts: Path) -> Iterator[str]:
    """A real MLflow server."""
    with warnings.catch_warnings():  # MLflow's own, about MLflow's own type hints
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: F401
    postgres_server.create_database("mlflow_tests")
    folder, port = mlflow_artifacts.parent, free_port()
    environment = {
        "MLFLOW_BACKEND_STORE_URI": postgres_server.settings("mlflow_tests", folder).database_url(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ARTIFACTS_DESTINATION": mlflow_artifacts.as_uri(),
    }
    command = [str(BIN / "mlflow"), "server", "--workers", "1", "--serve-artifacts", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with server(command, environment, f"{url}/health", folder / "mlflow.log"):
        yield url


@contextmanager
def prefect_server(postgres_server: PostgresServer, database: str) -> Iterator[str]:
    """The API of a real Prefect server on a database of its own."""
    postgres_server.create_database(database)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="assay-prefect-") as name:
        folder = Path(name)
        url = f"http://127.0.0.1:{port}/api"
        settings = postgres_server.settings(database, folder)
        environment = {
            "PREFECT_HOME": str(folder),
            "PREFECT_API_DATABASE_CONNECTION_URL": settings.database_url(driver="asyncpg"),
            "PREFECT_API_URL": url,
        }
        command = [str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        with server(command, environment, f"{url}/health", folder / "prefect.log"):
            yield url


@contextmanager
def reporting_to(url: str) -> Iterator[str]:
    """Flows that this process calls report to the Prefect server at ``url``."""
    import prefect.settings

    changed = {
        prefect.settings.PREFECT_API_URL: url,
        prefect.settings.PREFECT_SERVER_EPHEMERAL_ENABLED: False,
    }
    with prefect.settings.temporary_settings(changed):
        yield url


@pytest.fixture(scope="session")
def prefect_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The API of a real Prefect server, which flows of this process use too."""
    with prefect_server(postgres_server, "prefect_tests") as url:
        yield url


@pytest.fixture(scope="session")
def prefect_here(prefect_url: str) -> Iterator[str]:
    """Flows that this process calls report to the Prefect server of the session."""
    with reporting_to(prefect_url) as url:
        yield url


@pytest.fixture
def prefect_client(prefect_here: str) -> Iterator[SyncPrefectClient]:
    """A client of the session's Prefect server."""
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(prefect_here) as client:
        yield client


@pytest.fixture
def ml_settings(settings: Settings, mlflow_url: str) -> Settings:
    """Settings with a database of the test's own, the session's MLflow without any version, and a low gate."""
    for family in FAMILIES:
        _forget_versions(mlflow_url, family)
    return settings.model_copy(
        update={
            "mlflow_tracking_uri": mlflow_url,
            "min_training_samples": 100,
            "retrain_accuracy_threshold": 0.3,
        }
    )


@pytest.fixture
def registry(ml_settings: Settings, engine: Engine) -> Iterator[Registry]:
    """A registry on the session's MLflow, without any version."""
    from registry.registry import Registry

    made = Registry(ml_settings, engine)
    yield made
    made.close()


def _forget_versions(url: str, family: str) -> None:
    httpx.request(
        "DELETE",
        f"{url}/api/2.0/mlflow/registered-models/delete",
        json={"name": family},
        timeout=10,
        trust_env=False,
    )
