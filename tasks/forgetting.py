"""Forgetting a person: their rows and pictures, wherever the platform keeps them.

First it is written down (as a keyed hash) that the person is forgotten: from then on nothing of theirs is taken
in. Then go the lines in the services' queues, the rows in every revision of every version, the rows in the
tables, and the sheets of mistakes. The tables come after the versions: until then they tell what the person's
pictures are called. Each step finds what is left, so that a run that was killed is completed by the next.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from config.errors import DatabaseError, DatabaseUnavailable, InputError, RegistryError
from config.settings import Settings
from models.family import FAMILIES, Family, get_family
from registry.api import MlflowApi
from registry.sheets import delete_sheet, sheets_with
from storage.database import advisory_guard, transaction
from storage.datasets.eraser import Eraser
from storage.datasets.erasing import INSTEAD, Holding, Whose
from storage.erasure import keep_report, remember, rows_guard, subject_hash
from storage.erasure_objects import objects_of
from storage.erasure_spools import concerns, count_lines, forget_lines
from storage.erasure_tables import (
    IN_PLACE,
    Traces,
    count_rows,
    delete_rows,
    items_of,
    names_of,
    owned_by,
    sweep_out,
)
from storage.experiment_decisions import any_decides, still_written_seconds
from storage.retention import STORE_LOCK
from storage.versions import record_version
from tasks.platform import Platform

#: Publishers of a family are waited for so long, and the queues of running services.
GUARD_SECONDS, SPOOL_SECONDS = 900.0, 10.0
#: A backup, and a run of retention, for so long.
STORE_SECONDS = 60.0
#: Unfinished writes are left alone so long: somebody may be at them.
UNFINISHED = dt.timedelta(hours=1)
SPLIT = "split"

VERSIONS, TABLES, QUEUES, SHEETS, LEFTOVERS, MEDIA = (
    "dataset versions", "database", "queues of services", "MLflow", "unfinished writes", "pictures and media",
)  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """What is, or was, removed: of which place (one of the above), where there, and how many of what.

    ``now`` is what is read instead.
    """

    place: str
    where: str
    count: int
    unit: str
    now: str | None = None


@dataclass
class Forgotten:
    """What was removed, and sentences about what could not be."""

    removed: list[Removal] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is left that another run would have to remove."""
        return not self.left


@dataclass(frozen=True)
class _Search:
    """What is the person's of one family: traces in tables, and what holds rows of theirs, by name."""

    family: Family
    traces: Traces
    whose: Whose
    holdings: list[list[Holding]]


def look(parts: Platform, person: str) -> list[Removal]:
    """What there is to remove. Nothing is changed.

    Raises:
        InputError: ``person`` is no id.
        VersionCorrupt: a version cannot be read, so that nobody knows whether it holds the person.
        DatabaseUnavailable, RegistryUnavailable: not everything can be looked at.
    """
    _check(person)
    searches = _search(parts, person)
    found = [
        Removal(VERSIONS, one.manifest.name, one.rows, "rows")
        for search in searches
        for holdings in search.holdings
        for one in holdings
    ]
    counts = count_rows(parts.engine, person, [search.traces for search in searches])
    found += [Removal(TABLES, table, count, "rows") for table, count in counts.items() if count]
    if kept := objects_of(parts.engine, parts.store, person):
        found.append(Removal(MEDIA, "object store", len(kept), "objects"))
    if lines := count_lines(_services(parts.settings), _mine(person, searches)):
        found.append(Removal(QUEUES, "all", lines, "lines"))
    return found + [Removal(SHEETS, f"run {run}", 1, "sheets") for _, run in _sheets(parts.settings, person)]


def forget(
    parts: Platform,
    person: str,
    *,
    by: str,
    reason: str | None,
    at: dt.datetime,
    say: Callable[[str], None] = lambda _: None,
) -> Forgotten:
    """Remove everything of ``person``, and remember by a keyed hash that nothing is to come back.

    Args:
        parts: the platform.
        person: the id.
        by: who asked for it, and ``reason`` why; both are kept.
        reason: see ``by``.
        at: now.
        say: told what is being done.

    Raises:
        InputError: ``person`` is no id.
        DatabaseError: a backup is being written, or retention is at work; nothing is removed yet.
        VersionCorrupt, DatabaseUnavailable, StoreError: it broke off; run it again.
    """
    _check(person)
    done = Forgotten()
    subject = subject_hash(parts.settings, person)
    with transaction(parts.engine) as connection:
        remember(connection, subject, requested_by=by, reason=reason, at=at)
    remembered = time.monotonic()
    with ExitStack() as guards:
        # before the families', as retention does: in the other order two could wait for each other
        say("Waiting for backups and retention ...")
        _enter_store(parts, guards)
        for family in _families():
            say(f"Waiting for whoever publishes '{family.name}' ...")
            guards.enter_context(rows_guard(parts.engine, family.name, GUARD_SECONDS))
        say("Looking through versions and tables ...")
        searches = _search(parts, person)
        _forget_lines(parts, person, searches, done)
        for search in searches:
            _forget_versions(parts, search, at, done, say)
        _forget_objects(parts, person, done)
        if any_decides(parts.engine):  # whoever had looked before may still be writing
            time.sleep(max(0.0, remembered + still_written_seconds() - time.monotonic()))
        say("Removing rows from the database ...")
        with transaction(parts.engine) as connection:
            counts = delete_rows(connection, person, [search.traces for search in searches], INSTEAD)
        done.removed += [Removal(TABLES, table, count, "rows") for table, count in counts.items() if count]
        _sweep_out(parts, done)
    say("Looking through the sheets of mistakes ...")
    _forget_sheets(parts.settings, person, done)
    _sweep_store(parts, at, done)
    keep_report(parts.engine, subject, _figures(done))
    return done


def _enter_store(parts: Platform, guards: ExitStack) -> None:
    """Keep backups out: one that has copied a manifest must find its parts too."""
    try:
        guards.enter_context(advisory_guard(parts.engine, STORE_SECONDS)(STORE_LOCK))
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        raise DatabaseError(
            "A backup is being written, or retention is at work: nothing was removed. From now on nothing of"
            f" that user is taken in. ({error.message})",
            hint="Run it again when that is done.",
        ) from error


def _families() -> list[Family]:
    """Those whose rows name a person, always in one order."""
    families = [get_family(name) for name in sorted(FAMILIES)]
    return [family for family in families if family.person is not None]


def _check(person: str) -> None:
    if not person.strip() or "\x00" in person:
        raise InputError(f"'{person}' is not the id of a user.", hint="Give the id as the product knows it.")


def _search(parts: Platform, person: str) -> list[_Search]:
    return [_search_family(parts, family, person) for family in _families()]


def _search_family(parts: Platform, family: Family, person: str) -> _Search:
    column = str(family.person)
    by_person = family.entity == column
    owned = owned_by(parts.engine, family.name, person)
    names = set(owned.names)
    if by_person:
        names = {_in_bucket(name, parts.settings) for name in names_of(parts.engine, family.name, person)}
    eraser = Eraser(parts.store, parts.datasets)
    columns = [family.key[0], family.entity]
    things = frozenset({person}) | items_of(parts.engine, person) if family.about else frozenset[str]()
    whose = Whose(column, person, frozenset(names), family.about or "", things)
    holdings = eraser.holdings(family.name, whose, columns)
    rows = [value for same in holdings for one in same for value in one.values]
    found = {str(row[family.key[0]]) for row in rows}
    if not found <= names:
        whose = replace(whose, names=frozenset(names | found))
        holdings = eraser.holdings(family.name, whose, columns)
    entities = {person} if by_person else set(owned.entities)
    if not by_person and not owned.shared:
        entities |= {str(row[family.entity]) for row in rows} | names
    traces = Traces(family.name, column, frozenset(entities), whose.names, by_person)
    return _Search(family, traces, whose, holdings)


def _in_bucket(name: str, settings: Settings) -> str:
    """A photo's key as the rows have it: without the bucket's name."""
    return name.strip().lstrip("/").removeprefix(f"{settings.style_photo_bucket}/").lstrip("/")


def _forget_versions(
    parts: Platform, search: _Search, at: dt.datetime, done: Forgotten, say: Callable[[str], None]
) -> None:
    eraser = Eraser(parts.store, parts.datasets)
    for holdings in search.holdings:
        say(f"Writing {holdings[0].manifest.series} anew ...")
        latest = eraser.erase(holdings, search.whose, label=search.family.label, split=SPLIT)
        record_version(parts.engine, latest, None, at)
        done.removed += [
            Removal(VERSIONS, one.manifest.name, one.rows, "rows", now=latest.name) for one in holdings
        ]
    parts_deleted, _ = eraser.purge(search.family.name)
    if parts_deleted:
        where = f"objects of {search.family.name} versions"
        done.removed.append(Removal(VERSIONS, where, parts_deleted, "objects"))


def _forget_objects(parts: Platform, person: str, done: Forgotten) -> None:
    """Pictures that were kept for reviewers, thumbnails, captions: while the tables tell which those are."""
    kept = objects_of(parts.engine, parts.store, person)
    for key in kept:
        parts.store.delete(key)
    if kept:
        done.removed.append(Removal(MEDIA, "object store", len(kept), "objects"))


def _services(settings: Settings) -> Path:
    return settings.home / "services"


def _mine(person: str, searches: Sequence[_Search]) -> Callable[[bytes], bool]:
    names = frozenset[str]().union(
        *(search.traces.names | search.traces.entities | search.whose.things for search in searches)
    )
    return partial(concerns, person=person, names=names)


def _forget_lines(parts: Platform, person: str, searches: Sequence[_Search], done: Forgotten) -> None:
    found = forget_lines(_services(parts.settings), _mine(person, searches), patience=SPOOL_SECONDS)
    if found.lines:
        done.removed.append(Removal(QUEUES, "all", found.lines, "lines"))
    if found.files_left:
        done.left.append(
            f"{found.files_left} queues of running services hold lines of the user that the database has not"
            " taken yet. Run this again when it has."
        )


def _sweep_out(parts: Platform, done: Forgotten) -> None:
    in_place = [table for table, anew in sweep_out(parts.engine).items() if not anew and table not in IN_PLACE]
    if in_place:
        done.removed.append(
            Removal(TABLES, f"vacuumed in place, not written anew: {', '.join(in_place)}", 0, "rows")
        )


def _sheets(settings: Settings, person: str) -> list[tuple[Family, str]]:
    api = MlflowApi(settings.mlflow_url)
    try:
        pictured = [family for family in _families() if family.heavy]
        return [(family, run) for family in pictured for run in sheets_with(api, family.name, [person])]
    finally:
        api.close()


def _forget_sheets(settings: Settings, person: str, done: Forgotten) -> None:
    try:
        found = _sheets(settings, person)
        api = MlflowApi(settings.mlflow_url)
        try:
            for _, run in found:
                delete_sheet(api, run)
                done.removed.append(Removal(SHEETS, f"run {run}", 1, "sheets"))
        finally:
            api.close()
    except RegistryError as error:
        done.left.append(f"The sheets of mistakes in MLflow could not be looked at: {error}")


def _sweep_store(parts: Platform, at: dt.datetime, done: Forgotten) -> None:
    """What killed writers left half written may be a part with the person's rows."""
    swept = parts.store.sweep(at - UNFINISHED, delete=True)
    if swept:
        done.removed.append(Removal(LEFTOVERS, "object store", len(swept), "objects"))
    young = parts.store.sweep(at + UNFINISHED, delete=False)
    if young:
        done.left.append(
            f"{len(young)} writes to the object store are unfinished and younger than an hour. If nothing is"
            " being written now, run this again in an hour: it removes them."
        )


def _figures(done: Forgotten) -> dict[str, object]:
    """Figures to keep for ever: counts, and nothing that tells who it was."""
    places = dict.fromkeys((VERSIONS, TABLES, QUEUES, SHEETS, LEFTOVERS, MEDIA), 0)
    for one in done.removed:
        if one.unit != "objects" or one.place in (LEFTOVERS, MEDIA):
            places[one.place] += one.count
    return {"removed": places, "complete": done.complete}
