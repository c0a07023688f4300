"""The object store of the suite's platform: a real S3 server (Ceph's radosgw) where its packages are installed,
else the folder that `assay up` uses.

The S3 server stands for somebody else's, whose own supervisor starts it again: here :class:`S3Store` does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tests.s3_server import S3Server

#: How long after its death the S3 server is started again.
RESTART_SECONDS = 2.0
BUCKETS = ("ml-artifacts", "style-photos", "content-media")


class Store(Protocol):
    """The object store as faults see it."""

    name: str

    def settings(self) -> dict[str, Any]:
        """The platform's settings that lead to it."""
        ...

    def kill(self) -> None:
        """SIGKILL; or, of a folder, nothing."""
        ...

    def paused(self) -> contextlib.AbstractContextManager[str]:
        """It does not answer until the end."""
        ...

    def close(self) -> None:
        """Stop it."""
        ...


class S3Store:
    """radosgw, started again after each death."""

    name = "S3 (Ceph radosgw)"

    def __init__(self, folder: Path) -> None:
        from tests.s3_server import S3Server

        self._server: S3Server = S3Server(folder)
        self._closing = threading.Event()
        self._server.start()
        self._keeper = threading.Thread(target=self._keep, name="s3-keeper", daemon=True)
        self._keeper.start()
        self._make_buckets()

    def settings(self) -> dict[str, Any]:
        """Endpoint and keys."""
        from tests.s3_server import ACCESS_KEY, SECRET_KEY

        return {
            "minio_endpoint": self._server.endpoint,
            "minio_root_user": ACCESS_KEY,
            "minio_root_password": SECRET_KEY,
        }

    def kill(self) -> None:
        """SIGKILL of radosgw."""
        self._gateway().kill()

    @contextlib.contextmanager
    def paused(self) -> Iterator[str]:
        """SIGSTOP of radosgw, and SIGCONT at the end."""
        process = self._gateway()
        process.send_signal(signal.SIGSTOP)
        try:
            yield "radosgw stopped"
        finally:
            process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop every part of it."""
        self._closing.set()
        self._keeper.join(RESTART_SECONDS + 5.0)
        self._server.stop()

    def _gateway(self) -> subprocess.Popen[bytes]:
        return self._server._parts[-1]

    def _keep(self) -> None:
        while not self._closing.wait(0.2):
            if self._gateway().poll() is not None and not self._closing.wait(RESTART_SECONDS):
                self._server._spawn("radosgw", "-n", "client.rgw")

    def _make_buckets(self) -> None:
        from minio import Minio

        found = self.settings()
        client = Minio(
            found["minio_endpoint"],
            access_key=found["minio_root_user"],
            secret_key=found["minio_root_password"],
            secure=False,
        )
        for bucket in BUCKETS:
            if not client.bucket_exists(bucket):
                client.make_bucket(bucket)


class FolderStore:
    """The folder in ASSAY_HOME. It has no process: a pause puts something else in its place."""

    name = "a folder (no packages of Ceph here)"

    def __init__(self, home: Path) -> None:
        self._folder = home / "objects"

    def settings(self) -> dict[str, Any]:
        """The default."""
        return {}

    def kill(self) -> None:
        """For a moment."""
        with self.paused():
            time.sleep(RESTART_SECONDS)

    @contextlib.contextmanager
    def paused(self) -> Iterator[str]:
        """The folder is away, and a file in its place, so that nobody begins another one."""
        away = self._folder.with_name("objects.away")
        self._folder.rename(away)
        self._folder.touch()
        try:
            yield "the folder is away"
        finally:
            self._folder.unlink()
            os.rename(away, self._folder)

    def close(self) -> None:
        """It goes with the home."""


def s3_possible() -> bool:
    """Whether the packages of the S3 server are installed."""
    try:
        from tests.s3_server import missing_programs
    except ImportError:
        return False
    return not missing_programs()
