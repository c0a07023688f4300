"""A real S3 server once a session, and an empty bucket before each test, on either adapter."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.objects import ObjectStore
from storage.objects_local import LocalStore
from storage.objects_s3 import S3Store
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server, missing_programs, required, running_s3_server

BUCKET = "contract"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    missing = missing_programs()
    if missing:
        reason = f"No S3 server here: {', '.join(missing)} missing (ceph-mon ceph-osd radosgw ceph-common)."
        pytest.fail(reason) if required() else pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="s3-"))  # short: a socket's path has at most 107 characters
    try:
        with running_s3_server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def s3(s3_server: S3Server) -> Callable[..., S3Store]:
    """Makes clients of the server; keyword arguments replace address, keys and patience."""

    def client(endpoint: str = s3_server.endpoint, **options: object) -> S3Store:
        given = {
            "bucket": BUCKET,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "backoff": 0.05,
        } | options
        return S3Store(endpoint, **given)  # type: ignore[arg-type]

    return client


@pytest.fixture
def s3_store(s3: Callable[..., S3Store]) -> S3Store:
    """An S3 store with an empty bucket."""
    store = s3()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda info: store.delete(info.key), list(store.list())))
    return store


@pytest.fixture
def local_store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "objects" / BUCKET)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Either adapter, empty."""
    return request.getfixturevalue(f"{request.param}_store")
