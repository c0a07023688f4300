"""How the database itself is, and how much waits in its queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from storage.backlog import DUE_SINCE, WAITS
from storage.content_claims import TRIES
from storage.database import transaction

_SERVER = text(
    """
    select (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               as most_connections,
           pg_database_size(current_database()) as size,
           coalesce((select extract(epoch from max(clock_timestamp() - xact_start)) from pg_stat_activity
               where backend_type = 'client backend' and datname = current_database()
               and pid <> pg_backend_pid()), 0)::float8 as oldest_transaction
    """
)
_QUEUES = text(
    f"""
    select 'contents', count(*), min({DUE_SINCE}) from contents where {WAITS}
    union all
    select 'media jobs', count(*), min(requested_at) from media_jobs where state in ('queued', 'running')
    union all
    select 'webhooks', count(*), min(created_at) from webhook_deliveries where next_at is not null
    """  # noqa: S608 - constants of the code
)
#: Whose moderation is given up goes to people; whose analysis is, to nobody. Before the last try is over there
#: is no error.
_ENDED = f"analyzed_revision < revision and attempts >= {TRIES} and error is not null and claimed_at >= :since"
_SOME_ENDED = text(f"select id from contents where {_ENDED} order by claimed_at desc, id limit :most")  # noqa: S608
_GIVEN_UP = text(
    """
    select 'media jobs', count(*) from media_jobs where state = 'failed' and finished_at >= :since
    union all
    select 'webhooks', count(*) from webhook_deliveries
        where next_at is null and delivered_at is null and created_at >= :since
    union all
    select 'contents', count(*) from contents where {contents}
    """.replace("{contents}", _ENDED)
)
_CANDIDATES = text(
    """
    select family, count(*) as waiting, min(day)::timestamp at time zone 'UTC' as oldest from candidates
    where state = 'waiting' group by family order by family
    """
)


@dataclass(frozen=True)
class Server:
    """The database server: client connections and how many it takes, bytes of our database, and the age in
    seconds of the oldest transaction in it.
    """

    connections: int
    most_connections: int
    size: int
    oldest_transaction: float


@dataclass(frozen=True)
class Queue:
    """What waits: how much, and since when the oldest does (None: nothing waits)."""

    name: str
    waiting: int
    oldest: datetime | None


def server(engine: Engine) -> Server:
    """Ask the database how it is. Raises DatabaseUnavailable."""
    with transaction(engine) as connection:
        return Server(**connection.execute(_SERVER).mappings().one())


def queues(engine: Engine) -> list[Queue]:
    """Contents to be looked at, media jobs, and deliveries to the product. Raises DatabaseUnavailable."""
    with transaction(engine) as connection:
        return [Queue(*row) for row in connection.execute(_QUEUES)]


def given_up(engine: Engine, since: datetime) -> dict[str, int]:
    """Media jobs, deliveries and analyses of contents that were given up since then, by queue."""
    with transaction(engine) as connection:
        return {str(name): int(count) for name, count in connection.execute(_GIVEN_UP, {"since": since})}


def contents_given_up(engine: Engine, since: datetime, *, most: int) -> list[str]:
    """Ids of the latest contents of :func:`given_up`."""
    with transaction(engine) as connection:
        return [str(name) for (name,) in connection.execute(_SOME_ENDED, {"since": since, "most": most})]


def candidates_waiting(engine: Engine) -> list[Queue]:
    """Candidates that wait for an admin, a queue for each family that has any."""
    with transaction(engine) as connection:
        return [Queue(*row) for row in connection.execute(_CANDIDATES)]
