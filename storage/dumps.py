"""Dumps of PostgreSQL databases by its own programs: one moment of time, with the rows of each table counted.

The programs must be at least as new as the server. The password goes by the environment: a command line is for
all to read.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text

from config.errors import DatabaseError, InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import database_errors

TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
order by 1, 2
"""


@contextmanager
def snapshot(engine: Engine) -> Iterator[tuple[Connection, str]]:
    """A read-only transaction on one moment, and the name by which others can look at that same moment, for the
    block.
    """
    with database_errors(engine), engine.connect() as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        # it has nothing to do while others look at its moment, and the name is good only as long as it is open
        connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
        name = connection.execute(text("select pg_export_snapshot()")).scalar_one()
        yield connection, str(name)
        connection.rollback()


def row_counts(connection: Connection) -> dict[str, int]:
    """Rows of each table, by ``schema.table``; a partitioned table is counted as one."""
    tables = connection.execute(text(TABLES)).all()
    counts: dict[str, int] = {}
    with cursor(connection) as cur:
        for schema, table in tables:
            cur.execute(SQL("select count(*) from {}").format(Identifier(schema, table)))
            counts[f"{schema}.{table}"] = int((cur.fetchone() or (0,))[0])
    return counts


def dump(settings: Settings, database: str, target: Path, *, programs: Path, at: str | None = None) -> None:
    """Write ``database`` to the file ``target`` in pg_dump's own format.

    Args:
        settings: where the server is.
        database: which one.
        target: the file; it is replaced.
        programs: the folder of pg_dump.
        at: a snapshot of :func:`snapshot`; None: now.

    Raises:
        DatabaseError: pg_dump failed; the message has its last words.
    """
    options = [f"--snapshot={at}"] if at else []
    command = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", *options]
    _run(settings, database, command, programs)


def load(settings: Settings, database: str, source: Path, *, programs: Path) -> None:
    """Fill the empty ``database`` from a file of :func:`dump`; all of it, or nothing.

    Raises:
        DatabaseError: pg_restore failed; the message has its last words.
    """
    command = [
        "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
        f"--dbname={database}", str(source),
    ]  # fmt: skip
    _run(settings, database, command, programs)


def has_tables(engine: Engine) -> bool:
    """Whether the database of ``engine`` has a table."""
    return bool(_tables(engine))


def require_empty(engine: Engine) -> None:
    """Raise InputError where the database of ``engine`` has a table already."""
    if tables := _tables(engine):
        raise InputError(
            f"The database '{engine.url.database}' is not empty: it has the table {tables[0]}"
            f"{f' and {len(tables) - 1} more' if len(tables) > 1 else ''}.",
            hint="Restore into a new database (DB_NAME), or a new ASSAY_HOME; nothing is ever overwritten.",
        )


def _tables(engine: Engine) -> list[str]:
    with database_errors(engine), engine.connect() as connection:
        return [str(row[1]) for row in connection.execute(text(TABLES))]


def _run(settings: Settings, database: str, command: Sequence[str], programs: Path) -> None:
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    environment = {
        **os.environ, "PGHOST": settings.db_host or "127.0.0.1", "PGPORT": str(settings.database_port),
        "PGUSER": settings.db_user, "PGPASSWORD": password, "PGDATABASE": database,
        "PGOPTIONS": "-c timezone=UTC", "PGCONNECT_TIMEOUT": "10",
    }  # fmt: skip
    program = programs / command[0]
    try:
        done = subprocess.run(
            [str(program), *command[1:]], env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise DatabaseError(
            f"{program} cannot be run: {error.strerror}.", hint="`make system` installs PostgreSQL's programs."
        ) from None
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        raise DatabaseError(
            f"{command[0]} failed on '{database}': {words[-1] if words else 'no reason given'}."
        )
