"""The parts that are tools: Prefect, its worker and deployments, and MLflow."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from config.settings import Settings
from local.environment import PROJECT, part_environment
from local.lost_runs import release_lost_runs
from local.parts import EXTERNAL_SECONDS, Part
from local.probes import answers_http, endpoint, worker_online
from tasks.content_worker import alive_since

WORKER_NAME = "assay-local"
#: A content worker looks for work at least each few seconds.
SILENT_SECONDS = 60.0


def prefect_part(settings: Settings) -> Part:
    """The Prefect server: API, UI and scheduler in one process."""
    url = settings.prefect_url
    if settings.prefect_api_url:
        return _external_http("prefect", "Prefect", url, f"{url}/health", "PREFECT_API_URL")
    port = str(settings.prefect_port)
    extra = {
        "PREFECT_API_DATABASE_CONNECTION_URL": settings.database_url(settings.prefect_db_name, "asyncpg"),
        "PREFECT_SERVER_API_HOST": settings.bind_host,
        "PREFECT_SERVER_API_PORT": port,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_UI_API_URL": url,
    }
    return Part(
        name="prefect",
        title="Prefect",
        command=lambda: [_program("prefect"), "server", "start", "--host", settings.bind_host, "--port", port],
        environment=part_environment(settings, "prefect", extra),
        needs=("postgres",),
        probe=lambda _: answers_http(f"{url}/health"),
        own_endpoint=True,
        host=settings.bind_host,
        port=settings.prefect_port,
        setting="PREFECT_PORT",
        url=url.removesuffix("/api"),
    )


def mlflow_part(settings: Settings) -> Part:
    """The MLflow server, which is also the clients' way to the artifacts."""
    url = settings.mlflow_url
    if settings.mlflow_tracking_uri:
        return _external_http("mlflow", "MLflow", url, f"{url}/health", "MLFLOW_TRACKING_URI")
    return Part(
        name="mlflow",
        title="MLflow",
        command=lambda: [
            _program("mlflow"),
            "server",
            "--workers",
            "1",
            "--serve-artifacts",
            "--host",
            settings.bind_host,
            "--port",
            str(settings.mlflow_port),
        ],
        environment=part_environment(settings, "mlflow", _mlflow_environment(settings)),
        needs=("postgres", "objects"),
        probe=lambda _: answers_http(f"{url}/health"),
        own_endpoint=True,
        host=settings.bind_host,
        port=settings.mlflow_port,
        setting="MLFLOW_PORT",
        url=url,
    )


def _mlflow_environment(settings: Settings) -> dict[str, str]:
    environment = {
        # by the environment, because a command line is for all to read and this has the password
        "MLFLOW_BACKEND_STORE_URI": settings.database_url(settings.mlflow_db_name),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ARTIFACTS_DESTINATION": _artifacts(settings),
    }
    if settings.minio_endpoint:
        secret = settings.minio_root_password
        environment |= {
            "MLFLOW_S3_ENDPOINT_URL": endpoint(settings.minio_endpoint, settings.minio_secure)[0],
            "AWS_ACCESS_KEY_ID": settings.minio_root_user or "",
            "AWS_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else "",
            "AWS_DEFAULT_REGION": settings.minio_region,
        }
    return environment


def _artifacts(settings: Settings) -> str:
    if settings.minio_endpoint:
        return f"s3://{settings.ml_artifacts_bucket}/mlflow"
    folder = settings.home / "objects" / settings.ml_artifacts_bucket / "mlflow"
    return folder.as_uri()


def deploy_part(settings: Settings) -> Part:
    """The job that tells Prefect of the work pool, the flows and their schedules."""
    return Part(
        name="deploy",
        title="Flows and schedules",
        kind="job",
        command=lambda: [sys.executable, str(PROJECT / "deploy_flows.py")],
        environment=part_environment(settings, "deploy"),
        needs=("prefect",),
    )


def worker_part(settings: Settings) -> Part:
    """The worker that runs the flows, each in a process of its own."""
    pool = settings.prefect_work_pool
    limit = str(max(2, os.cpu_count() or 2))
    # Prefect keeps a folder of a fixed name in the temporary folder, which another user may own
    extra = {"PREFECT_WORKER_QUERY_SECONDS": "1", "TMPDIR": str(settings.home / "tmp")}
    if settings.log_format == "json":
        extra["PREFECT_LOGGING_SETTINGS_PATH"] = str(PROJECT / "tasks" / "run_logging.yml")
    return Part(
        name="worker",
        title="Prefect worker",
        command=lambda: [
            _program("prefect"),
            "worker",
            "start",
            "--pool",
            pool,
            "--type",
            "process",
            "--name",
            WORKER_NAME,
            "--limit",
            limit,
            "--install-policy",
            "never",
        ],
        environment=part_environment(settings, "worker", extra),
        needs=("migrate", "deploy"),
        probe=lambda since: worker_online(settings.prefect_url, pool, WORKER_NAME, since),
        before=lambda: _release(settings),
        runs_jobs=True,
    )


def _release(settings: Settings) -> None:
    """Before a worker starts there is none: what an earlier one left in its hands is given back."""
    release_lost_runs(settings)


def content_worker_part(settings: Settings) -> Part:
    """The worker that looks at what is published. While Prefect is away it works without."""
    return Part(
        name="content-worker",
        title="Content worker",
        command=lambda: [sys.executable, "-m", "tasks.content_worker"],
        environment=part_environment(settings, "content-worker"),
        needs=("migrate",),
        probe=lambda since: alive_since(settings.home, max(since, time.time() - SILENT_SECONDS)),
    )


def _external_http(name: str, title: str, url: str, health: str, setting: str) -> Part:
    parts = urlsplit(url)
    return Part(
        name,
        title,
        "external",
        probe=lambda _: answers_http(health),
        host=parts.hostname or "",
        port=parts.port,
        setting=setting,
        url=url.removesuffix("/api"),
        start_seconds=EXTERNAL_SECONDS,
    )


def _program(name: str) -> str:
    """A tool installed beside this Python, whatever PATH says."""
    return str(Path(sys.executable).with_name(name))
