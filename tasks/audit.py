"""Reading everything that is published, and saying what is missing or altered.

A version's parts are read and hashed, its manifest is compared with the register in the database, and what it
was built from must be there as it was. What was erased, or deleted by retention, has its manifest alone. A
model's files are fetched afresh from the registry and hashed, and the data that it learned from must be there.
Nothing is mended here.

Reading takes hours, and the platform goes on meanwhile. So what is registered is asked for first, when its
manifest is there already; and before something is called a fault that a publication, a deletion or a promotion
of these hours would explain, it is asked for once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from config.errors import (
    AssayError,
    DatasetError,
    InputError,
    ModelInvalid,
    ModelNotFound,
    ObjectNotFound,
    VersionCorrupt,
)
from models.family import FAMILIES
from registry.promotion import lock_name
from registry.records import ModelVersion
from storage.database import advisory_guard
from storage.datasets import naming
from storage.datasets.manifest import Manifest, VersionRef
from storage.datasets.reader import fetch_part
from storage.history import list_promotions
from storage.retention_runs import retired_on_record
from storage.versions import list_versions
from tasks.platform import Platform

#: What is told before each version that is read: what it is called.
Told = Callable[[str], None]


NOT_ON_RECORD = "is marked as deleted by retention, and no run of retention is on record that would have"


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was published: ``what`` is a version's or a model's name."""

    what: str
    problem: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """JSON-ready form."""
        return asdict(self)


@dataclass
class Audit:
    """What was read, and what was found."""

    versions: int = 0
    parts: int = 0
    bytes: int = 0
    models: int = 0
    erased: int = 0
    retired: int = 0
    faults: list[Fault] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def audit(
    parts: Platform, families: Sequence[str] = (), *, models: bool = True, told: Told = lambda _: None
) -> Audit:
    """Read every published dataset version and every model.

    Args:
        parts: the platform.
        families: only these; empty means all that there are.
        models: whether MLflow's models are read too.
        told: called before each version.

    Raises:
        DatabaseUnavailable, StoreError, RegistryUnavailable: a part of the platform cannot be reached, so that
            nothing can be said.
    """
    found = Audit()
    recorded = _recorded(parts, families)
    versions = {family: parts.registry.versions(family) for family in families or FAMILIES} if models else {}
    manifests = _manifests(parts, families, found)
    erased, retired = parts.datasets.erased_names(), parts.datasets.retired_names()
    on_record = retired_on_record(parts.engine) if retired else set()
    for manifest in manifests.values():
        told(manifest.name)
        found.versions += 1
        if manifest.name in erased:
            found.erased += 1
        elif manifest.name in retired:
            _retired(manifest, on_record, found)
        else:
            _read_parts(parts, manifest, found)
        found.faults += _lineage(parts, manifest, manifests, whole=not families)
    found.faults += _register(parts, families, recorded, manifests)
    for family, those in versions.items():
        _read_models(parts, family, those, manifests, found, told)
    return found


def _manifests(parts: Platform, families: Sequence[str], found: Audit) -> dict[str, Manifest]:
    """Every manifest that can be read, by its name; one that cannot is a fault."""
    readable: dict[str, Manifest] = {}
    for family in families or (None,):
        for key in _keys(parts, family):
            try:
                manifest = Manifest.from_bytes(parts.store.get(key), key)
            except DatasetError as error:
                found.faults.append(Fault(key, error.message, error.hint or "Restore it from a backup."))
            else:
                readable[manifest.name] = manifest
    return readable


def _keys(parts: Platform, family: str | None) -> Iterator[str]:
    prefix = naming.MANIFESTS + (f"{family}/" if family else "")
    for info in parts.store.list(prefix):
        if naming.parse_manifest_key(info.key):
            yield info.key


def _there(parts: Platform, manifests: Mapping[str, Manifest], name: str) -> Manifest | None:
    """The manifest of that name. One that the listing did not have is asked for by its name: it may have been
    published since. None where it is missing or not readable.
    """
    if name in manifests:
        return manifests[name]
    try:
        family, stage, period, revision = naming.parse_name(name)
        key = naming.manifest_key(family, stage, period, revision or 1)
        return Manifest.from_bytes(parts.store.get(key), key)
    except (InputError, ObjectNotFound, DatasetError):
        return None


def _retired(manifest: Manifest, on_record: Collection[str], found: Audit) -> None:
    found.retired += 1
    if manifest.name not in on_record:
        found.faults.append(Fault(manifest.name, NOT_ON_RECORD, "Restore it from a backup."))


def _read_parts(parts: Platform, manifest: Manifest, found: Audit) -> None:
    rows = sum(part.rows for part in manifest.parts)
    if rows != manifest.rows:
        found.faults.append(Fault(manifest.name, f"states {manifest.rows:,} rows, and its parts {rows:,}"))
    for part in manifest.parts:
        found.parts += 1
        found.bytes += part.size
        try:
            fetch_part(parts.store, manifest.name, part)
        except VersionCorrupt as error:
            if parts.datasets.is_erased(manifest):  # since the marks were listed
                found.erased += 1
                return
            if parts.datasets.is_retired(manifest):
                _retired(manifest, retired_on_record(parts.engine), found)
                return
            found.faults.append(Fault(manifest.name, error.message, error.hint or ""))


def _lineage(
    parts: Platform, manifest: Manifest, manifests: Mapping[str, Manifest], *, whole: bool
) -> Iterator[Fault]:
    """What it was built from, and the revision that it supersedes, must be there as they were."""
    for ref in manifest.built_from:
        if whole or ref.family == manifest.family:
            yield from _ref_fault(manifest.name, ref, _there(parts, manifests, ref.name))
    before = naming.version_name(manifest.family, manifest.stage, manifest.period, manifest.revision - 1)
    if manifest.revision > 1:
        older = _there(parts, manifests, before)
        if older is None:
            yield Fault(manifest.name, f"supersedes {before}, which is missing", "Restore it from a backup.")
        elif older.ref.sha256 != manifest.supersedes:
            yield Fault(manifest.name, f"supersedes another {before} than the one that is there")


def _ref_fault(name: str, ref: VersionRef, there: Manifest | None) -> Iterator[Fault]:
    if there is None:
        yield Fault(name, f"was built from {ref.name}, which is missing", "Restore it from a backup.")
    elif there.ref.sha256 != ref.sha256:
        yield Fault(name, f"was built from another {ref.name} than the one that is there")


def _recorded(parts: Platform, families: Sequence[str]) -> dict[str, str]:
    """What the database's register has: the SHA-256 of each version's manifest, by its name."""
    return {
        naming.version_name(one.family, one.stage, one.period, one.revision): one.manifest_sha256
        for family in families or (None,)
        for one in list_versions(parts.engine, family)
    }


def _register(
    parts: Platform, families: Sequence[str], recorded: Mapping[str, str], manifests: Mapping[str, Manifest]
) -> Iterator[Fault]:
    """The database's register and the store must know the same versions."""
    for name, sha256 in sorted(recorded.items()):
        there = _there(parts, manifests, name)
        if there is None:
            yield Fault(name, "is registered in the database, and its manifest is missing or not readable",
                        "Restore the store and the database of the same day.")  # fmt: skip
        elif there.ref.sha256 != sha256:
            yield Fault(name, "is registered in the database with another content",
                        "Restore the store and the database of the same day.")  # fmt: skip
    surplus = set(manifests) - set(recorded)
    if surplus:  # published since the register was read?
        surplus -= set(_recorded(parts, families))
    for name in sorted(surplus):
        yield Fault(name, "is not registered in the database",
                    "Run the flow that made it again: it publishes nothing new and registers it.")  # fmt: skip


def _read_models(
    parts: Platform,
    family: str,
    versions: Sequence[ModelVersion],
    manifests: Mapping[str, Manifest],
    found: Audit,
    told: Told,
) -> None:
    for version in versions:
        name = f"{family} version {version.version}"
        told(name)
        found.models += 1
        try:
            parts.registry.read_afresh(version)
        except (ModelInvalid, ModelNotFound) as error:
            found.faults.append(Fault(name, error.message, error.hint or ""))
        except AssayError as error:
            found.faults.append(Fault(name, f"cannot be read: {error.message}", error.hint or ""))
        found.faults += _learned_from(parts, name, version, manifests)
    found.faults += _history(parts, family, versions)


def _learned_from(
    parts: Platform, name: str, version: ModelVersion, manifests: Mapping[str, Manifest]
) -> Iterator[Fault]:
    stated = version.tags.get("assay.dataset_sha256", "")
    if not version.dataset:
        return
    there = _there(parts, manifests, version.dataset)
    if there is None:
        yield Fault(name, f"learned from {version.dataset}, which is missing", "Restore it from a backup.")
    elif stated and there.ref.sha256 != stated:
        yield Fault(name, f"learned from another {version.dataset} than the one that is there")


def _history(parts: Platform, family: str, versions: Sequence[ModelVersion]) -> Iterator[Fault]:
    """The version in production is the one that the last recorded move of the alias went to."""
    production = next((one.version for one in versions if one.production), None)
    last = _last_move(parts, family)
    if production != last:
        # a move writes its row a moment after the alias; with its lock held there is none under way
        with advisory_guard(parts.engine)(lock_name(family)):
            now = parts.registry.production(family)
            production, last = now.version if now else None, _last_move(parts, family)
    if production != last:
        yield Fault(
            family,
            f"has version {production or 'none'} in production, and the history ends with {last or 'none'}",
            "The alias was moved in MLflow by hand, or one of the two was restored from another day.",
        )


def _last_move(parts: Platform, family: str) -> str | None:
    moves = list_promotions(parts.engine, family, limit=1)
    return moves[0].to_version if moves else None
