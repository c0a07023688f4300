"""The database away, refusing, coming back; and locks by name."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseError, DatabaseUnavailable
from config.settings import Settings, load_settings
from local.postgres import PostgresCluster
from storage.database import advisory_guard, make_engine, transaction

SECRET = "a-secret-that-shows-nowhere"


def ask(engine: Engine) -> object:
    with transaction(engine) as connection:
        return connection.execute(text("select 1")).scalar()


def settings_for(port: int, home: Path, password: str = SECRET) -> Settings:
    return load_settings(
        assay_home=home, db_host="127.0.0.1", db_port=port, db_password=password, db_name="postgres"
    )


@pytest.fixture
def own_cluster() -> Iterator[PostgresCluster]:
    """A server that the test may stop and kill."""
    folder = Path(tempfile.mkdtemp(prefix="assay-tests-"))
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cluster = PostgresCluster(folder / "postgres", port, "assay", SECRET, durable=False)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


def test_a_server_that_is_away_is_named_by_host_and_port_and_never_with_the_password(tmp_path: Path) -> None:
    engine = make_engine(settings_for(1, tmp_path))
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1 is not reachable") as error:
        ask(engine)
    assert SECRET not in f"{error.value!r}{error.value.__cause__!r}{engine!r}"


def test_a_server_that_goes_in_mid_transaction_is_unavailable_and_the_engine_finds_it_again(
    own_cluster: PostgresCluster, tmp_path: Path
) -> None:
    engine = make_engine(settings_for(own_cluster.port, tmp_path))

    def lose_it() -> None:
        with transaction(engine) as connection:
            connection.execute(text("select 1"))
            own_cluster.stop()
            connection.execute(text("select 1"))

    with pytest.raises(DatabaseUnavailable, match="not reachable"):
        lose_it()
    with pytest.raises(DatabaseUnavailable):
        ask(engine)
    own_cluster.start()
    assert ask(engine) == 1
    pid = own_cluster.running_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    own_cluster.start()
    assert ask(engine) == 1  # on a connection of the pool that had died
    engine.dispose()


def test_a_wrong_password_is_said_and_not_shown(own_cluster: PostgresCluster, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="refuses the login of user 'assay'") as error:
        ask(make_engine(settings_for(own_cluster.port, tmp_path, "wrong-password")))
    assert "wrong-password" not in str(error.value)


def test_what_fails_inside_a_transaction_rolls_it_back(engine: Engine) -> None:
    def fail() -> None:
        with transaction(engine) as connection:
            connection.execute(text("create table left_behind ()"))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    with pytest.raises(DatabaseError, match="no such table"), transaction(engine) as connection:
        connection.execute(text("select * from left_behind"))


def test_times_are_utc_whatever_the_servers_zone(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert connection.execute(text("show timezone")).scalar() == "UTC"


def test_one_at_a_time_holds_a_name_and_other_names_are_free(engine: Engine) -> None:
    guard = advisory_guard(engine)
    inside, most = 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with guard("promote:viral"):
            with counting:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with counting:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    with guard("promote:ctr"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_a_lock_that_another_holds_is_waited_for_only_so_long(engine: Engine) -> None:
    hurried = advisory_guard(engine, wait_seconds=0.1)
    with (
        advisory_guard(engine)("publish"),
        pytest.raises(DatabaseError, match=r"Another process has held 'publish' for 0\.1 s"),
        hurried("publish"),
    ):
        pass
    with hurried("publish"):
        pass


def test_a_lock_is_free_again_after_an_error_and_after_its_holder_was_cut_off(engine: Engine) -> None:
    hurried = advisory_guard(engine, wait_seconds=1)
    with pytest.raises(RuntimeError, match="inside"), hurried("name"):
        raise RuntimeError("inside")
    with pytest.raises(DatabaseUnavailable), hurried("name"), transaction(engine) as connection:
        connection.execute(text("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"))
    with hurried("name"):
        pass
