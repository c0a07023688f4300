"""One real platform for all tests of this folder: everything that `assay up` starts, on free ports."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import load_settings
from local.stack import Platform, running_platform


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def own_ports() -> dict[str, int]:
    """A free port for each setting that names one."""
    names = ("db_port", "prefect_port", "mlflow_port", "viral_port")
    return dict(zip(names, free_ports(len(names)), strict=True))


@pytest.fixture(scope="session")
def platform_home() -> Iterator[Path]:
    """A home that the account of PostgreSQL can enter, which pytest's own folder is not."""
    folder = Path(tempfile.mkdtemp(prefix="assay-e2e-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def platform(platform_home: Path) -> Iterator[Platform]:
    """The running platform. Its ``settings`` say where everything is, secrets included."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "DB_HOST", "DB_PORT", "MINIO_ENDPOINT"):
            patch.delenv(name, raising=False)
        settings = load_settings(assay_home=platform_home, min_training_samples=50, **own_ports())
    with running_platform(settings) as running:
        yield running
