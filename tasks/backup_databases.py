"""Which databases a backup is of: the platform's own, and those of MLflow and Prefect that lie on its server.

What counts is where a database lies, not who starts its service: on a server, MLFLOW_TRACKING_URI and
PREFECT_API_URL name services that keep their tables beside ours. What lies elsewhere is named, never passed
over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from storage.backups import Backup
from storage.database import address, make_engine, transaction
from storage.dumps import has_tables

PLATFORM, MLFLOW, PREFECT = "platform", "mlflow", "prefect"


@dataclass(frozen=True)
class Neighbour:
    """A service that keeps a database of its own: the settings of its address and its database, and what is
    lost with it.
    """

    role: str
    title: str
    address: str
    database: str
    loss: str

    def runs_here(self, settings: Settings) -> bool:
        """Whether the platform starts it itself, and so keeps its database."""
        return getattr(settings, self.address.lower()) is None

    def name(self, settings: Settings) -> str:
        """Its database."""
        return str(getattr(settings, self.database.lower()))


NEIGHBOURS = (
    Neighbour(
        MLFLOW,
        "MLflow",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_DB_NAME",
        "the register of models, without which nothing is in production",
    ),
    Neighbour(
        PREFECT, "Prefect", "PREFECT_API_URL", "PREFECT_DB_NAME", "deployments and the history of flow runs"
    ),
)


@dataclass(frozen=True)
class Databases:
    """``names``: role -> name, of those that are dumped or restored; ``left_out``: role -> why, and what to do
    about it.
    """

    names: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)


def own_databases(settings: Settings) -> dict[str, str]:
    """Role -> name of the databases whose services the platform starts itself."""
    found = {PLATFORM: settings.db_name}
    return found | {one.role: one.name(settings) for one in NEIGHBOURS if one.runs_here(settings)}


def databases_of(settings: Settings) -> Databases:
    """What a backup is of, as the server has it.

    Raises:
        InputError: the database of a service that the platform starts itself is not there.
        DatabaseUnavailable: the server is away, or has no database of the platform.
    """
    names, left_out = {PLATFORM: settings.db_name}, {}
    with engine_of(settings, settings.db_name) as engine:
        there, server = _there(settings, engine), address(engine)
    for one in NEIGHBOURS:
        name = one.name(settings)
        if name in there and (one.runs_here(settings) or _filled(settings, name)):
            names[one.role] = name
        elif one.runs_here(settings):
            raise InputError(
                f"PostgreSQL at {server} has no database '{name}' of {one.title}.",
                hint=f"`assay up` makes it. If it has another name, set {one.database};"
                f" if {one.title} is on another server, set {one.address}.",
            )
        else:
            left_out[one.role] = (
                f"{one.title}'s database is not in this backup ({one.loss}): PostgreSQL at {server} has"
                f" {'an empty' if name in there else 'no'} database '{name}'. Back it up where it lies, or set"
                f" {one.database} if it has another name here."
            )
    return Databases(names, left_out)


def databases_for(settings: Settings, backup: Backup, without: Collection[str] = ()) -> Databases:
    """What of ``backup`` is restored: all that it has, into databases of the settings' names.

    Args:
        settings: the new place.
        backup: the backup.
        without: roles that are left out (mlflow, prefect).

    Raises:
        InputError: a database is to be made first, or the backup lacks one that the platform keeps itself.
        DatabaseUnavailable: the server is away, or has no database of the platform.
    """
    if unknown := sorted(set(without) - {one.role for one in NEIGHBOURS}):
        raise InputError(f"'{unknown[0]}' cannot be left out.", hint="These can: mlflow, prefect.")
    saved = {one.role for one in backup.databases}
    names, left_out = {PLATFORM: settings.db_name}, {}
    with engine_of(settings, settings.db_name) as engine:
        there, server = _there(settings, engine), address(engine)
    for one in NEIGHBOURS:
        name = one.name(settings)
        if one.role in without:
            left_out[one.role] = f"{one.title}'s database was not restored, as asked ({one.loss})."
        elif one.role in saved and name in there:
            names[one.role] = name
        elif one.role in saved:
            raise InputError(
                f"The backup {backup.name} has a database of {one.title}, and PostgreSQL at {server} has no"
                f" '{name}'.",
                hint=f"Create it, or set {one.database} to an empty one; `--without {one.role}` leaves it out.",
            )
        elif one.runs_here(settings):
            raise InputError(
                f"The backup {backup.name} has no database of {one.title} ({one.loss}).",
                hint=f"It was on another server then: set {one.address}. `--without {one.role}` lets it begin"
                " empty.",
            )
        else:
            left_out[one.role] = (
                f"{one.title}'s database is not in this backup ({one.loss}): restore it from where it was"
                " backed up."
            )
    return Databases(names, left_out)


@contextmanager
def engine_of(settings: Settings, name: str) -> Iterator[Engine]:
    """An engine on the database ``name``, for the block."""
    engine = make_engine(settings.model_copy(update={"db_name": name}), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _there(settings: Settings, engine: Engine) -> set[str]:
    """Which of the neighbours' databases the server has."""
    wanted = {"names": [one.name(settings) for one in NEIGHBOURS]}
    with transaction(engine) as connection:
        query = text("select datname from pg_database where datname = any(:names)")
        return {str(row[0]) for row in connection.execute(query, wanted)}


def _filled(settings: Settings, name: str) -> bool:
    with engine_of(settings, name) as engine:
        return has_tables(engine)
