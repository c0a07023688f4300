"""Throttling of logins: after some failures each further one has to wait, longer and longer.

An attempt is written down before its password is looked at, and removed when it was right. So guesses that
come at once from many processes wait as well as those that come one by one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from storage import tables
from storage.database import lock_key, transaction

#: Failures that cost no wait: for one name, and for one address, behind which an office may sit.
FREE_BY_NAME, FREE_BY_ADDRESS = 4, 20
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)
#: Failures older than this count no more, and are removed.
MEMORY = timedelta(minutes=30)


def admit(engine: Engine, *, name: str, address: str, at: datetime) -> timedelta:
    """How long this attempt must wait still; zero lets it pass, and counts it."""
    row = tables.LoginAttempt
    with transaction(engine) as connection:
        for key in sorted((f"login name {name}", f"login address {address}")):  # one order: no deadlock
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": lock_key(key)})
        connection.execute(delete(row).where(row.at <= at - MEMORY))
        wait = max(
            _wait(connection, row.name == name, FREE_BY_NAME, at),
            _wait(connection, row.address == address, FREE_BY_ADDRESS, at),
        )
        if not wait:
            connection.execute(insert(row).values(name=name, address=address, at=at))
    return wait


def forgive(engine: Engine, *, name: str) -> None:
    """Forget the failures of ``name``: the right password was given."""
    with transaction(engine) as connection:
        connection.execute(delete(tables.LoginAttempt).where(tables.LoginAttempt.name == name))


def wait_after(failures: int, free: int) -> timedelta:
    """The wait after so many failures, ``free`` of which cost nothing; it doubles with each."""
    if failures < free:
        return timedelta()
    return min(FIRST_WAIT * 2 ** min(failures - free, 16), LONGEST_WAIT)


def _wait(connection: Connection, whose: object, free: int, at: datetime) -> timedelta:
    row = tables.LoginAttempt
    query = select(func.count(), func.max(row.at)).where(whose)  # type: ignore[arg-type]
    failures, latest = connection.execute(query).one()
    if latest is None:
        return timedelta()
    return max(latest + wait_after(failures, free) - at, timedelta())
