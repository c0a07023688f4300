"""Checks of the platform: settings, secrets, PostgreSQL, the object store, ports, Prefect and MLflow."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator

from config.errors import PlatformError
from config.settings import UNSAFE_SECRETS, Settings
from local.findings import Finding
from local.plan import plan
from local.postgres_host import find_programs
from local.preflight import port_free, port_holder
from local.probes import answers_http
from local.secrets import read_secrets, secrets_file
from local.state import RunFolder


def every_setting(settings: Settings) -> Iterator[Finding]:
    """Settings that are allowed, and yet mistakes as a rule."""
    yield Finding("settings", "ok", f"{len(Settings.model_fields)} settings read, {settings.assay_env}")
    for name in Settings.model_fields:
        secret = getattr(settings, name)
        if hasattr(secret, "get_secret_value") and secret.get_secret_value().lower() in UNSAFE_SECRETS:
            yield Finding("settings", "warning", f"{name.upper()} is a default that everybody knows.",
                          "Change it; with ASSAY_ENV=production it is refused.")  # fmt: skip
    if settings.minio_endpoint and not (settings.minio_root_user and settings.minio_root_password):
        yield Finding("settings", "error", "MINIO_ENDPOINT is set, and its access key or secret key is not.",
                      "Set MINIO_ROOT_USER and MINIO_ROOT_PASSWORD.")  # fmt: skip
    if settings.bind_host not in ("127.0.0.1", "localhost", "::1"):
        yield Finding(
            "settings",
            "warning",
            f"Every part listens on {settings.bind_host}; Prefect and MLflow ask nobody who they are.",
            "Keep BIND_HOST=127.0.0.1 behind a proxy.",
        )


def secrets(settings: Settings) -> Iterator[Finding]:
    """The file of the generated secrets."""
    path = secrets_file(settings.home)
    if not path.exists():
        yield Finding("secrets", "ok", "none yet; the first `assay up` makes them")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    read_secrets(settings.home)
    if mode & 0o077:
        yield Finding("secrets", "error", f"{path} can be read by others (mode {mode:o}).", f"chmod 600 {path}")
    else:
        yield Finding("secrets", "ok", f"{path}, mode {mode:o}")


def database(settings: Settings) -> Iterator[Finding]:
    """The programs of the private cluster, or the server that DB_HOST names."""
    if not settings.embedded_database:
        yield from _external(settings, "postgres", "postgresql")
        return
    programs = find_programs(settings.postgres_bin)
    yield Finding("postgresql", "ok", f"PostgreSQL {programs.major} in {programs.folder}")
    config = programs.folder / "pg_config"
    if not config.exists():
        return
    shared = subprocess.run(
        [str(config), "--sharedir"], capture_output=True, text=True, check=False
    ).stdout.strip()
    from pathlib import Path

    if not (Path(shared) / "extension" / "pg_trgm.control").exists():
        yield Finding("postgresql", "error", "The extension pg_trgm is missing; Prefect needs it.",
                      "Install PostgreSQL's contrib package: `make system`.")  # fmt: skip


def objects(settings: Settings) -> Iterator[Finding]:
    """The object store: reachable, and writable with our credentials."""
    from storage.objects import open_store

    if settings.embedded_objects and not settings.home.exists():
        yield Finding("objects", "ok", f"a folder in {settings.home}, made by the first `assay up`")
        return
    open_store(settings).check()
    yield Finding("objects", "ok", settings.minio_endpoint or str(settings.home / "objects"))


def ports(settings: Settings) -> Iterator[Finding]:
    """Whether the ports of the embedded parts are free, unless they are taken by our own platform."""
    if RunFolder(settings.home).locked():
        yield Finding("ports", "ok", "in use by the running platform")
        return
    taken = [part for part in plan(settings) if part.kind == "server" and part.port]
    taken = [part for part in taken if not port_free(part.host, part.port or 0)]
    for part in taken:
        holder = port_holder(part.port or 0)
        yield Finding("ports", "error", f"Port {part.port} of {part.title} is taken by {holder}.",
                      f"Stop that program, or set {part.setting} to a free port.")  # fmt: skip
    if not taken:
        yield Finding("ports", "ok", "all free")


def prefect(settings: Settings) -> Iterator[Finding]:
    """A Prefect server that is not ours."""
    if settings.prefect_api_url:
        yield _http("prefect", f"{settings.prefect_url}/health", "PREFECT_API_URL")


def mlflow(settings: Settings) -> Iterator[Finding]:
    """An MLflow server that is not ours."""
    if settings.mlflow_tracking_uri:
        yield _http("mlflow", f"{settings.mlflow_url}/health", "MLFLOW_TRACKING_URI")


def _http(check: str, url: str, setting: str) -> Finding:
    if answers_http(url):
        return Finding(check, "ok", url)
    return Finding(check, "error", f"{url} does not answer.", f"Start that server, or mend {setting}.")


def _external(settings: Settings, part_name: str, check: str) -> Iterator[Finding]:
    part = next(part for part in plan(settings) if part.name == part_name)
    try:
        answers = part.probe is not None and part.probe(0.0)
    except PlatformError as error:
        yield Finding(check, "error", error.message, error.hint)
        return
    if answers:
        yield Finding(check, "ok", str(part.url))
    else:
        yield Finding(check, "error", f"{part.url} takes no login of {settings.db_user}.",
                      "Check DB_HOST, DB_PORT, DB_USER and DB_PASSWORD, and that it runs.")  # fmt: skip
