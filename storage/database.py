"""PostgreSQL: engine, transactions, migrations and locks, with errors of our own.

No message ever holds a password: it names ``host:port``, and the server's own first sentence.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config.errors import DatabaseError, DatabaseUnavailable
from config.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

CONNECT_SECONDS = 5
#: SQLSTATE classes and codes of a server that is away, starting or stopping.
AWAY = ("08", "57P01", "57P02", "57P03", "53300")
#: How many locks stand for all names of a kind: the server's table of locks holds some thousands in all.
LOCK_SLOTS = 1024
#: A server that vanished without a word (power, network) is noticed after some 15 s, not after hours.
KEEPALIVE = {
    "keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip


def make_engine(
    settings: Settings,
    *,
    pool_size: int = 5,
    connect_seconds: int = CONNECT_SECONDS,
    lock_seconds: float | None = None,
) -> Engine:
    """An engine on the platform's own database: UTC, short connect time-out, dead connections replaced.

    Nothing is connected yet; the caller disposes of it. A statement that waits longer than ``lock_seconds`` for
    a lock is given up, with DatabaseError.
    """
    patience = "" if lock_seconds is None else f" -c lock_timeout={round(lock_seconds * 1000)}"
    return create_engine(
        settings.database_url(),
        pool_pre_ping=True,
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        pool_timeout=30,
        connect_args={
            "connect_timeout": connect_seconds,
            "options": f"-c timezone=UTC{patience}",
            "application_name": "assay",
            **KEEPALIVE,
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction: committed when the block ends, rolled back when it raises.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away in between.
        DatabaseError: it refused a statement (constraint, lock, space, trigger).
    """
    with database_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Turn what SQLAlchemy and psycopg raise inside into this project's errors."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        raise _translate(error, engine) from error
    except PoolTimeout as error:
        raise DatabaseError(
            f"All {engine.pool.status()} connections to {address(engine)} are busy.",
            hint="Look for transactions that do not end.",
        ) from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"The database layer failed: {error}") from error


def database_now(engine: Engine) -> datetime:
    """The database's clock, UTC: by it several processes hand work to one another, whose own clocks differ and
    may jump. Raises DatabaseUnavailable.
    """
    with transaction(engine) as connection:
        found: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    return found


def address(engine: Engine) -> str:
    """``host:port`` of the server."""
    return f"{engine.url.host}:{engine.url.port or 5432}"


def _translate(error: DBAPIError | psycopg.Error, engine: Engine) -> DatabaseError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    sentence = _first_sentence(cause)
    if state is None and "does not exist" in sentence and "database" in sentence:
        return DatabaseUnavailable(
            f"The server {address(engine)} has no database '{engine.url.database}'.",
            hint="Create it, then migrate.",
        )
    if state is None and ("authentication failed" in sentence or "no password supplied" in sentence):
        return DatabaseUnavailable(
            f"PostgreSQL at {address(engine)} refuses the login of user '{engine.url.username}'.",
            hint="Check DB_USER and DB_PASSWORD.",
        )
    lost = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and state is None
    if lost or (state or "").startswith(AWAY) or getattr(error, "connection_invalidated", False):
        return DatabaseUnavailable(
            f"PostgreSQL at {address(engine)} is not reachable: {sentence}.",
            hint="`assay status` shows the embedded one; else check DB_HOST and DB_PORT.",
        )
    if state == "42P01":
        return DatabaseError(
            f"The database has no such table: {sentence}.", hint="It wants a migration: `assay up`."
        )
    if state == "53100":
        return DatabaseError(f"PostgreSQL at {address(engine)} has no space left.", hint="Free some space.")
    return DatabaseError(f"PostgreSQL refused: {sentence}.")


def _first_sentence(cause: BaseException | None) -> str:
    """The server's own first line: without our values, which may be private, and without its advice."""
    diagnosed = getattr(getattr(cause, "diag", None), "message_primary", None)
    lines = str(diagnosed or cause or "").strip().splitlines()
    return lines[0].rsplit("failed: ", 1)[-1].rstrip(".") if lines else "no reason given"


def advisory_guard(
    engine: Engine, wait_seconds: float | None = None, *, shared: bool = False
) -> Callable[[str], AbstractContextManager[None]]:
    """Locks by name, held in PostgreSQL: who publishes, promotes or decides does so alone.

    The lock lives in a connection of its own and goes with it, so that a killed holder blocks nobody. It is
    not re-entrant: taking the same name twice, nested, waits for itself.

    Args:
        engine: where the lock is held.
        wait_seconds: how long to wait for another holder (None: as long as it takes).
        shared: hold it together with others who share it; who holds it alone waits for all of them.

    Returns:
        name -> context manager, which raises DatabaseUnavailable when the server is away or went away while
        the lock was held, and DatabaseError when the wait was in vain.
    """
    kind = "_shared" if shared else ""

    @contextmanager
    def guard(name: str) -> Iterator[None]:
        with database_errors(engine):
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            _lock(connection, engine, name, wait_seconds, kind)
            yield
            with database_errors(engine):
                connection.execute(text(f"select pg_advisory_unlock{kind}(:key)"), {"key": lock_key(name)})
        except BaseException:
            connection.invalidate()  # closes it, and with it the lock goes
            raise
        finally:
            connection.close()

    return guard


def _lock(
    connection: Connection, engine: Engine, name: str, wait_seconds: float | None, kind: str = ""
) -> None:
    milliseconds = 0 if wait_seconds is None else max(1, int(wait_seconds * 1000))
    try:
        with database_errors(engine):
            connection.execute(text(f"set lock_timeout = {milliseconds}"))
            connection.execute(text(f"select pg_advisory_lock{kind}(:key)"), {"key": lock_key(name)})
            connection.execute(text("reset lock_timeout"))
    except DatabaseError as error:
        if "lock timeout" in error.message:
            raise DatabaseError(
                f"Another process has held '{name}' for {wait_seconds:g} s.", hint="Try again when it is done."
            ) from error
        raise


def lock_key(name: str) -> int:
    """The signed 64-bit key of a lock's name."""
    return int.from_bytes(hashlib.sha256(f"assay:{name}".encode()).digest()[:8], "big", signed=True)


def lock_names(connection: Connection, kind: str, names: Iterable[str]) -> None:
    """Lock ``names`` of a kind until the transaction ends: who locks the same ones waits. A few names share a
    lock, and locks are taken in one order, so that nobody waits in a circle.
    """
    slots = sorted({zlib.crc32(name.encode()) % LOCK_SLOTS for name in names})
    wanted = {"kind": zlib.crc32(kind.encode()) - 2**31, "slots": slots}
    connection.execute(
        text("select pg_advisory_xact_lock(:kind, slot) from unnest(cast(:slots as int[])) slot order by slot"),
        wanted,
    )


def migrate(settings: Settings, revision: str = "head") -> None:
    """Bring the platform's tables to ``revision``. Several processes may do it at once: they take turns.

    Raises:
        DatabaseUnavailable: the server or the database is not there.
        DatabaseError: the server refused.
    """
    from alembic import command

    engine = make_engine(settings, pool_size=2)
    try:
        with advisory_guard(engine)("migrate"), transaction(engine) as connection:
            command.upgrade(alembic_config(connection), revision)
    finally:
        engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration: our migrations, on ``connection``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "migrations:")  # a package, so also found when installed
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def schema_revisions(engine: Engine) -> tuple[str | None, str | None]:
    """(revision the database is at, revision this code wants); they differ until :func:`migrate` has run."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with transaction(engine) as connection:
        at = MigrationContext.configure(connection).get_current_revision()
    return at, ScriptDirectory.from_config(alembic_config()).get_current_head()
