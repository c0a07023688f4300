"""A private PostgreSQL cluster in a folder of ours, for `assay up` and for the tests.

Two ways to run it. A script or a test calls :meth:`PostgresCluster.start` and :meth:`PostgresCluster.stop`.
A supervisor that keeps the server as its own foreground child calls :meth:`PostgresCluster.prepare`, and starts
:meth:`PostgresCluster.command` with :meth:`PostgresCluster.popen_kwargs`. Recovery after a kill is PostgreSQL's
own; what we add is to clear away what would stand in its way (a stale pid file, orphaned server processes).
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from config.errors import PlatformError
from local.postgres_host import Account, Programs, choose_account, find_programs, require_free_port
from local.postgres_processes import gone, send, serves
from local.process import wait_until

#: Below this much space the server would soon stop in the middle of its work.
MIN_FREE_BYTES = 200 * 1024 * 1024
SERVER_OPTIONS = {
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_wal_size": "2GB",
    "unix_socket_directories": "",  # a socket's path may hold 107 bytes only; we speak TCP
}
#: For tests: what is committed outlives a kill of the server, though not a loss of power.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresCluster:
    """One cluster: its data in ``folder``, on ``host:port``, with ``user`` as its superuser."""

    #: What tells the server to end at once, in good order (SIGTERM would wait for its clients to leave).
    stop_signal = signal.SIGINT

    def __init__(
        self,
        folder: Path,
        port: int,
        user: str,
        password: str,
        *,
        host: str = "127.0.0.1",
        bin_folder: Path | None = None,
        durable: bool = True,
        log: Path | None = None,
        min_free_bytes: int = MIN_FREE_BYTES,
    ) -> None:
        self.folder = folder.absolute()
        self.port, self.host, self.user = port, host, user
        self.log = log or self.folder.with_name(f"{self.folder.name}.log")
        self._password = password
        self._bin_folder = bin_folder
        self._durable = durable
        self._options = {**SERVER_OPTIONS, **({} if durable else NOT_DURABLE)}
        self._min_free_bytes = min_free_bytes
        self._process: subprocess.Popen[bytes] | None = None

    # -- for a supervisor ------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Make the data folder if there is none, and clear the way for a start.

        Raises:
            PlatformError: no PostgreSQL, port taken, folder broken or in use, disk full.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._require_space()
        self._require_sound_folder()
        self._require_not_running()
        require_free_port(self.host, self.port)
        if not self.folder.exists():
            self._initialise()
        self._end_orphans()
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Command line of the server in the foreground; it logs on stderr."""
        options = {**self._options, "listen_addresses": self.host, "port": str(self.port)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [*self._account.prefix, self._programs.path("postgres"), "-D", str(self.folder), *settings]

    def popen_kwargs(self) -> dict[str, Any]:
        """``subprocess.Popen`` arguments for :meth:`command`: the account, and a folder that it can enter."""
        return {**self._account.popen, "cwd": "/"}

    # -- for scripts and tests -------------------------------------------------------------------------
    def start(self, timeout: float = 60.0) -> None:
        """Start the server in the background and wait until it answers (after a kill: until it has recovered).

        Raises:
            PlatformError: as :meth:`prepare`, or the server does not come up; the message has its last words.
        """
        self.prepare()
        if self._process is not None:
            self._process.wait(timeout)  # it was killed: nothing runs on the folder now
        with self.log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **self.popen_kwargs(),
            )  # fmt: skip
        process = self._process
        if not wait_until(lambda: self.is_ready() or process.poll() is not None, timeout):
            self.stop()
            raise PlatformError(f"PostgreSQL did not answer within {timeout:.0f} s.", hint=f"See {self.log}.")
        if process.poll() is not None:
            self._process = None
            raise self.failure(self.log.read_bytes()[begin:].decode(errors="replace"))

    def stop(self, timeout: float = 30.0) -> None:
        """Stop the server, also one that an earlier process left behind. Does nothing when none runs."""
        pid = self.running_pid()
        if pid is not None:
            server = psutil.Process(pid)
            for stop in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                send(server, stop)
                if wait_until(lambda: gone(server), timeout):
                    break
        if self._process is not None:
            self._process.wait(timeout)
            self._process = None

    def is_ready(self) -> bool:
        """Whether the server takes our connections.

        Raises:
            PlatformError: it runs and refuses our password.
        """
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise PlatformError(
                    f"The PostgreSQL on {self.host}:{self.port} refuses the password of user {self.user}.",
                    hint=f"Restore the secrets that {self.folder} was made with, or remove that folder.",
                ) from None
            return False
        return True

    def ensure_databases(self, names: Iterable[str]) -> None:
        """Create those of the databases ``names`` that are not there yet (UTF-8, sorted by code point).

        Raises:
            PlatformError: the server is away, or lacks the extension pg_trgm, without which Prefect fails.
        """
        wanted = list(dict.fromkeys(names))
        try:
            with self._connect("postgres") as connection:
                extension = connection.execute("select from pg_available_extensions where name = 'pg_trgm'")
                if extension.fetchone() is None:
                    raise PlatformError(
                        "This PostgreSQL lacks the extension pg_trgm, which the Prefect server needs.",
                        hint="Install its contrib package (`make system` does).",
                    )
                there = {row[0] for row in connection.execute("select datname from pg_database")}
                for name in wanted:
                    if name not in there:
                        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except psycopg.errors.DuplicateDatabase:
            self.ensure_databases(wanted)  # somebody else was quicker with one of them
        except psycopg.OperationalError as error:
            raise PlatformError(f"The PostgreSQL on {self.host}:{self.port} does not answer: {error}") from None

    def running_pid(self) -> int | None:
        """Pid of the server that runs on this folder, whoever started it."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if serves(pid, self.folder) else None

    def failure(self, output: str) -> PlatformError:
        """What the server's last words ``output`` mean, as an error that says what to do."""
        lines = [line for line in output.splitlines() if any(w in line for w in ("FATAL", "PANIC", "error:"))]
        reason = lines[-1].split("FATAL:")[-1].split("PANIC:")[-1].strip() if lines else output.strip()[-200:]
        if "No space left on device" in output or "Check free disk space" in output:
            return PlatformError(f"No space is left for PostgreSQL in {self.folder}.", hint="Free some space.")
        if "Address already in use" in output:
            return PlatformError(
                f"Port {self.port} on {self.host} is taken.", hint="Set DB_PORT to a free port."
            )
        return PlatformError(
            f"PostgreSQL does not start on {self.folder}: {reason}.",
            hint=f"If that data can be made again, remove the folder; the log is {self.log}.",
        )

    # -- inside ------------------------------------------------------------------------------------------
    @cached_property
    def _account(self) -> Account:
        return choose_account(self.folder)

    @cached_property
    def _programs(self) -> Programs:
        version = self.folder / "PG_VERSION"
        made_by = version.read_text().strip() if version.exists() else ""
        return find_programs(self._bin_folder, int(made_by) if made_by.isdigit() else None)

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.host, port=self.port, user=self.user, password=self._password, dbname=database,
            connect_timeout=3, autocommit=True,
        )  # fmt: skip

    def _require_space(self) -> None:
        free = shutil.disk_usage(self.folder.parent).free
        if free < self._min_free_bytes:
            raise PlatformError(
                f"Only {free // 2**20} MB are free in {self.folder.parent}, "
                f"and PostgreSQL wants {self._min_free_bytes // 2**20} MB.",
                hint="Free some space, or set ASSAY_HOME to a folder on a larger disk.",
            )

    def _require_sound_folder(self) -> None:
        if not self.folder.exists():
            return
        missing = [
            name for name in ("PG_VERSION", "global/pg_control", "base") if not (self.folder / name).exists()
        ]
        if missing:
            raise PlatformError(
                f"The PostgreSQL data folder {self.folder} is broken: {', '.join(missing)} is missing.",
                hint="Restore it from a copy, or remove the folder to start afresh.",
            )

    def _require_not_running(self) -> None:
        # A server that was told to stop a moment ago, its parent dead, is given the time to finish.
        wait_until(lambda: self.running_pid() is None or self._is_stopping(), 0.5)
        if not wait_until(lambda: self.running_pid() is None, 30.0 if self._is_stopping() else 0.0):
            raise PlatformError(
                f"PostgreSQL is running on {self.folder} already (pid {self.running_pid()}).",
                hint="`assay status` shows the platform, `assay down` stops it.",
            )

    def _is_stopping(self) -> bool:
        try:
            return "stopping" in (self.folder / "postmaster.pid").read_text()
        except OSError:
            return True  # its last act was to remove the file

    def _end_orphans(self) -> None:
        """End server processes that outlived a killed postmaster: they hold the shared memory."""
        orphans = [each for each in psutil.process_iter() if serves(each.pid, self.folder)]
        for orphan in orphans:
            send(orphan, signal.SIGQUIT)
        wait_until(lambda: all(gone(orphan) for orphan in orphans), 2.0)
        for orphan in orphans:
            send(orphan, signal.SIGKILL)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        new = self.folder.with_name(f"{self.folder.name}.new")
        secret = self.folder.with_name(f"{self.folder.name}.pwfile")
        shutil.rmtree(new, ignore_errors=True)
        account = choose_account(new)
        try:
            new.mkdir(mode=0o700)
            account.own(new)
            secret.touch(mode=0o600)
            secret.write_text(self._password)
            account.own(secret)
            made = subprocess.run(
                [*account.prefix, self._programs.path("initdb"), "-D", str(new), "-U", self.user, "-A",
                 "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-instructions",
                 *([] if self._durable else ["--no-sync"])],
                capture_output=True, text=True, check=False, cwd="/", **account.popen,
            )  # fmt: skip
            if made.returncode != 0:
                raise self.failure(made.stderr)
            new.rename(self.folder)
        except OSError as error:
            raise PlatformError(
                f"The PostgreSQL data folder {self.folder} cannot be made: {error.strerror}."
            ) from None
        finally:
            secret.unlink(missing_ok=True)
            shutil.rmtree(new, ignore_errors=True)
        self.__dict__.pop("_account", None)
