"""A real S3 server for tests: Ceph's radosgw over one monitor and one disk file, on 127.0.0.1.

Debian packages: ceph-mon ceph-osd radosgw ceph-common (without recommended ones). It starts in about 15 s, so
tests share one a session. Every part runs in the foreground as our child, so that stopping it stops all of
it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

from local.ports import free_ports

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
ACCESS_KEY = "assay-tests"
SECRET_KEY = "assay-tests-secret"
START_SECONDS = 90

_CONFIG = """
[global]
fsid = {fsid}
keyring = {folder}/keyring
mon_host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public_network = 127.0.0.0/8
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 2
osd_pool_default_pgp_num = 2
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
run_dir = {folder}/run
admin_socket = {folder}/run/$name.asok
log_file = {folder}/log/$name.log
bluestore_block_size = 10737418240
bluestore_block_create = true
osd_memory_target = 939524096
bluestore_cache_size = 134217728
ms_bind_ipv6 = false
[mon.a]
mon_data = {folder}/mon
[osd.0]
osd_data = {folder}/osd
[client.rgw]
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
"""


class S3ServerError(Exception):
    """The server did not start; the message has the end of what it said."""


def missing_programs() -> list[str]:
    """The programs of it that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class S3Server:
    """A running server: ``endpoint`` (host:port) with one user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._v2, self._v1 = free_ports(3)
        self.endpoint = f"127.0.0.1:{self.port}"
        self._parts: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Build the cluster and wait until it answers."""
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.folder / name).mkdir(parents=True)
        cluster = str(uuid.uuid4())
        (self.folder / "ceph.conf").write_text(
            _CONFIG.format(fsid=cluster, folder=self.folder, port=self.port, v1=self._v1, v2=self._v2)
        )
        self._make_keys()
        self._start_monitor(cluster)
        self._start_disk()
        self._spawn("radosgw", "-n", "client.rgw")
        self._wait_for_answer()
        self.add_user("tests", ACCESS_KEY, SECRET_KEY)

    def stop(self) -> None:
        """Stop every part at once: what it holds is thrown away."""
        for part in reversed(self._parts):
            part.kill()
            part.wait()

    def add_user(self, name: str, access_key: str, secret_key: str, *, quota_bytes: int | None = None) -> None:
        """Make a user, with a limit to all that it stores if one is given."""
        keys = (f"--access-key={access_key}", f"--secret={secret_key}")
        self._admin("user", "create", f"--uid={name}", f"--display-name={name}", *keys)
        if quota_bytes is not None:
            scope = (f"--uid={name}", "--quota-scope=user")
            self._admin("quota", "set", *scope, f"--max-size={quota_bytes}")
            self._admin("quota", "enable", *scope)

    # -- parts -------------------------------------------------------------------------------------------
    def _make_keys(self) -> None:
        keyring = str(self.folder / "keyring")
        self._do(
            "ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        for who in ("client.admin", "osd.0", "client.rgw"):
            rights = [word for part in ("mon", "osd", "mgr") for word in ("--cap", part, "allow *")]
            self._do("ceph-authtool", keyring, "--gen-key", "-n", who, *rights)

    def _start_monitor(self, cluster: str) -> None:
        addresses = f"[v2:127.0.0.1:{self._v2},v1:127.0.0.1:{self._v1}]"
        monmap = str(self.folder / "monmap")
        self._do("monmaptool", "--create", "--addv", "a", addresses, "--fsid", cluster, monmap)
        keyring = str(self.folder / "keyring")
        self._do("ceph-mon", *self._config, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
        self._spawn("ceph-mon", "-i", "a")

    def _start_disk(self) -> None:
        disk = str(uuid.uuid4())
        self._ceph("osd", "new", disk)
        self._ceph("auth", "import", "-i", str(self.folder / "keyring"))
        self._do("ceph-osd", *self._config, "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._spawn("ceph-osd", "-i", "0")
        self._ceph("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=here")

    @property
    def _config(self) -> tuple[str, str]:
        return ("-c", str(self.folder / "ceph.conf"))

    def _spawn(self, program: str, *arguments: str) -> None:
        with (self.folder / "log" / f"{program}.out").open("wb") as log:
            self._parts.append(
                subprocess.Popen(
                    [program, *self._config, "-f", *arguments], stdout=log, stderr=subprocess.STDOUT
                )
            )

    def _ceph(self, *arguments: str) -> None:
        self._do("ceph", *self._config, "--connect-timeout", "30", *arguments)

    def _admin(self, *arguments: str) -> None:
        self._do("radosgw-admin", *self._config, "-n", "client.rgw", *arguments)

    def _do(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if done.returncode:
            raise S3ServerError(f"{' '.join(command[:1])} failed: {done.stderr[-1000:]}")

    def _wait_for_answer(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            dead = [part.args for part in self._parts if part.poll() is not None]
            if dead:
                raise S3ServerError(f"A part of the S3 server ended: {dead}; see {self.folder}/log.")
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f"http://{self.endpoint}/", timeout=2).close()
                return
            time.sleep(0.1)
        raise S3ServerError(f"The S3 server did not answer within {START_SECONDS} s; see {self.folder}/log.")


@contextlib.contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """A server in ``folder`` (an absolute path with a short name: it holds sockets), stopped at the end."""
    server = S3Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def required() -> bool:
    """Whether tests must fail, not skip, where there is no server: CI installs the packages."""
    return os.environ.get("CI", "").lower() == "true"
