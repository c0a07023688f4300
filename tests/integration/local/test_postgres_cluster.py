"""The private PostgreSQL cluster, for real: cold, killed, in the way, broken."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from config.errors import PlatformError
from local.ports import free_port
from local.postgres import PostgresCluster


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="assay-cluster-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """The data folder of a stopped cluster, to copy: making one anew takes a second or more."""
    path = Path(tempfile.mkdtemp(prefix="assay-cluster-"))
    path.chmod(0o755)
    made = PostgresCluster(path / "postgres", free_port(), "assay", "it's secret", durable=False)
    made.start()
    made.stop()
    yield made.folder
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def stopped(folder: Path, initialised: Path) -> PostgresCluster:
    subprocess.run(["cp", "-a", initialised, folder / "postgres"], check=True)
    return PostgresCluster(folder / "postgres", free_port(), "assay", "it's secret", durable=False)


@pytest.fixture
def cluster(stopped: PostgresCluster) -> Iterator[PostgresCluster]:
    stopped.start()
    yield stopped
    stopped.stop()


def again(cluster: PostgresCluster) -> PostgresCluster:
    """The same cluster, as the next process sees it."""
    return PostgresCluster(cluster.folder, cluster.port, "assay", "it's secret", durable=False)


def query(cluster: PostgresCluster, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(
        host="127.0.0.1", port=cluster.port, user="assay", password="it's secret", dbname="postgres",
        autocommit=True,
    ) as connection:  # fmt: skip
        done = connection.execute(statement)
        return done.fetchall() if done.description else []


def test_databases_are_made_once_in_utf8_and_utc(cluster: PostgresCluster) -> None:
    cluster.ensure_databases(["assay", "assay_prefect", "assay"])
    cluster.ensure_databases(["assay"])
    assert query(cluster, "select count(*) from pg_database where datname like 'assay%'") == [(2,)]
    assert query(cluster, "show server_encoding") == [("UTF8",)]
    assert query(cluster, "show timezone") == [("UTC",)]


def test_what_was_committed_outlives_a_kill_of_the_server(cluster: PostgresCluster) -> None:
    query(cluster, "create table kept as select 42 as answer")
    pid = cluster.running_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    next_time = again(cluster)
    next_time.start()
    assert query(next_time, "select answer from kept") == [(42,)]
    next_time.stop()


def test_a_session_that_outlived_the_killed_server_does_not_stand_in_the_way(cluster: PostgresCluster) -> None:
    with psycopg.connect(
        host="127.0.0.1", port=cluster.port, user="assay", password="it's secret", dbname="postgres"
    ) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()  # as one deep in a long computation: it does not notice that its server is gone
        pid = cluster.running_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        next_time = again(cluster)
        next_time.start()
        assert query(next_time, "select 1") == [(1,)]
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
        next_time.stop()


def test_a_pid_file_whose_number_another_program_has_now_is_no_hindrance(cluster: PostgresCluster) -> None:
    cluster.stop()
    (cluster.folder / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.folder}\n")
    assert cluster.running_pid() is None
    cluster.start()
    assert cluster.is_ready()


def test_a_second_server_on_the_folder_is_refused_and_any_process_can_stop_the_first(
    cluster: PostgresCluster,
) -> None:
    with pytest.raises(PlatformError, match=r"is running on .* already"):
        again(cluster).start()
    again(cluster).stop()
    assert not cluster.is_ready()
    again(cluster).stop()


def test_a_taken_port_is_refused_and_leaves_nothing_behind(cluster: PostgresCluster, folder: Path) -> None:
    other = PostgresCluster(folder / "other", cluster.port, "assay", "x")
    with pytest.raises(PlatformError, match=r"the port is taken by postgres .* DB_PORT"):
        other.start()
    assert not other.folder.exists()


def test_another_password_than_the_clusters_is_said(cluster: PostgresCluster) -> None:
    stranger = PostgresCluster(cluster.folder, cluster.port, "assay", "another")
    with pytest.raises(PlatformError, match="refuses the password") as error:
        stranger.is_ready()
    assert "another" not in str(error.value)


@pytest.mark.parametrize("lost", ["PG_VERSION", "global/pg_control", "base"])
def test_a_data_folder_that_lost_a_part_is_called_broken(stopped: PostgresCluster, lost: str) -> None:
    path = stopped.folder / lost
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(PlatformError, match=f"is broken: {lost} is missing"):
        stopped.start()


def test_a_data_folder_with_garbage_in_it_gets_the_servers_reason(stopped: PostgresCluster) -> None:
    (stopped.folder / "global/pg_control").write_bytes(b"garbage" * 1000)
    with pytest.raises(PlatformError, match=r"does not start on .*remove the folder"):
        stopped.start()
    assert stopped.running_pid() is None


def test_an_initialisation_that_was_killed_leaves_nothing_that_looks_like_a_cluster(folder: Path) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "half").write_text("of it")
    cluster = PostgresCluster(folder / "postgres", free_port(), "assay", "x", durable=False)
    cluster.start()
    assert sorted(path.name for path in folder.iterdir()) == ["postgres", "postgres.log"]
    cluster.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="is about running as root")
def test_root_runs_it_in_a_folder_that_no_other_account_can_enter(folder: Path) -> None:
    folder.chmod(0o700)
    cluster = PostgresCluster(folder / "postgres", free_port(), "assay", "x", durable=False)
    cluster.start()
    assert cluster.folder.stat().st_uid == 0
    cluster.stop()
    cluster.start()
    cluster.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_fills_up_is_called_full(folder: Path) -> None:
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        cluster = PostgresCluster(small / "postgres", free_port(), "assay", "x", min_free_bytes=0)
        with pytest.raises(PlatformError, match="No space is left"):
            cluster.start()
        assert not cluster.folder.exists()
    finally:
        subprocess.run(["umount", small], check=True)


PARENT = """
import ctypes, signal, subprocess, sys
from pathlib import Path
from local.postgres import PostgresCluster
cluster = PostgresCluster(Path(sys.argv[1]), int(sys.argv[2]), "assay", "it's secret", durable=False)
cluster.prepare()
die_with_parent = lambda: ctypes.CDLL(None).prctl(1, signal.SIGINT)
kwargs = {"preexec_fn": die_with_parent, "stderr": subprocess.DEVNULL, **cluster.popen_kwargs()}
child = subprocess.Popen(cluster.command(), **kwargs)
while not cluster.is_ready(): pass
print("ready", child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["account", "namespace"])
def test_as_a_foreground_child_it_is_the_process_itself_and_can_die_with_its_parent(
    folder: Path, mode: int
) -> None:
    folder.chmod(mode)
    port = free_port()
    arguments = [sys.executable, "-c", PARENT, str(folder / "postgres"), str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[1])
        cluster = PostgresCluster(folder / "postgres", port, "assay", "it's secret", durable=False)
        assert cluster.running_pid() == pid
        parent.kill()
    deadline = time.monotonic() + 10
    while cluster.running_pid() is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cluster.running_pid() is None
