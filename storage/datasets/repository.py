"""The repository of dataset versions: publish, find, read, compare, clean.

Write everything, then the marker: parts first, the manifest last and create-once. A reader that sees a
manifest can read all of it; a writer killed at any moment leaves parts that no manifest names, which a new
run makes use of or ``gc`` removes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from config.errors import (
    DatasetError,
    ObjectExists,
    ObjectNotFound,
    VersionConflict,
    VersionCorrupt,
    VersionErased,
    VersionNotFound,
    VersionRetired,
)
from storage.datasets import naming
from storage.datasets.chunking import check_schema
from storage.datasets.manifest import Column, Manifest, VersionRef, plain_details
from storage.datasets.reader import read_batches, skim_batches
from storage.datasets.writer import PART_BYTES, WORKERS, PartWriter
from storage.objects import ObjectInfo, ObjectStore

if TYPE_CHECKING:
    from storage.datasets.diff import Diff

#: name of what is published -> a lock that one process at a time can hold, such as PostgreSQL's advisory lock
Guard = Callable[[str], contextlib.AbstractContextManager[None]]

COMMIT_ATTEMPTS = 5

# named here, because inside the class `list` is its method
Manifests: TypeAlias = list[Manifest]
Garbage: TypeAlias = list[ObjectInfo]
Names: TypeAlias = list[tuple[str, str, str, int]]


@dataclass(frozen=True)
class Published:
    """The version, and whether this run made it; False means that the very same was there already."""

    manifest: Manifest
    created: bool


#: Arrow types of columns whose values are files
_HEAVY_TYPES = frozenset(f"{kind}{null}" for kind in ("binary", "large_binary") for null in ("", " not null"))


def _place(manifest: Manifest) -> tuple[str, str, str, int]:
    return manifest.family, manifest.stage, manifest.period, manifest.revision


def _erased(manifest: Manifest) -> VersionErased:
    return VersionErased(
        f"The rows of revision {manifest.revision} of {manifest.series} are gone:"
        " a person in it was forgotten.",
        hint=f"The latest revision of {manifest.series} has the rows of everybody else.",
    )


def _retired(name: str) -> VersionRetired:
    return VersionRetired(
        f"The rows of {name} are gone: retention deleted them.",
        hint="Its manifest says what it was; what was built from it stays.",
    )


def no_guard(_name: str) -> contextlib.AbstractContextManager[None]:
    """No lock: for one process, or a store whose create-once can be relied upon."""
    return contextlib.nullcontext()


class DatasetRepository:
    """All dataset versions in one bucket.

    Args:
        store: where parts and manifests lie.
        guard: held for the moment of the commit and of a removal. Without it the store's create-once decides
            who publishes (S3Store.create says where that is not enough).
        part_bytes: the size at which a part is closed.
    """

    def __init__(self, store: ObjectStore, guard: Guard | None = None, *, part_bytes: int = PART_BYTES) -> None:
        self._store = store
        self._guard = guard or no_guard
        self._part_bytes = part_bytes

    # -- writing -----------------------------------------------------------------------------------------
    def publish(
        self,
        *,
        family: str,
        stage: str,
        period: str,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        made_by: str,
        label: str | None,
        split: str | None,
        built_from: Sequence[VersionRef] = (),
        details: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        workers: int = WORKERS,
    ) -> Published:
        """Write the rows as a version of ``family/stage/period``.

        The same content as the latest revision publishes nothing; another content becomes the next revision,
        which names the one that it supersedes. The rows are streamed; how they are cut in batches makes no
        difference.

        Args:
            family: name of the family.
            stage: ``candidates``, ``verified``, ``full`` or ``gold``.
            period: the day or month, as the stage has it.
            schema: the columns; its metadata is not kept.
            batches: the rows, in any cut; columns are found by name.
            made_by: name of the flow; never a run or a time.
            built_from: the versions that the rows come from.
            label: the column whose classes are counted.
            split: the column with train, valid, test, counted too.
            details: figures that depend on the inputs alone, as plain JSON; a function is asked for them when
                the rows are written.
            workers: threads that encode and upload; one takes half the memory.

        Raises:
            InputError: a name, a period or the details are not well formed.
            DatasetError: the rows do not fit ``schema``.
            VersionConflict: other writers kept publishing other contents under the name.
            VersionRetired: retention deleted the latest revision of the name: it is closed.
            StoreError: the store failed. Nothing is published; run it again.
        """
        series = naming.check_series(family, stage, period)
        if not callable(details):
            details = plain_details(details or {})
        schema = check_schema(schema)
        self._require_open(series)
        known = {part.key for manifest in self._revisions(series) for part in manifest.parts}
        writer = PartWriter(self._store, series, known=known, part_bytes=self._part_bytes, workers=workers)
        written = writer.write(batches, schema, label=label, split=split)
        return self.commit(
            Manifest(
                family=family,
                stage=stage,
                period=period,
                revision=1,
                schema=[Column(f.name, f"{f.type}{'' if f.nullable else ' not null'}") for f in schema],
                parts=written.parts,
                rows=written.rows,
                classes=dict(sorted(written.classes.items())),
                split=dict(sorted(written.split.items())),
                built_from=list(built_from),
                made_by=made_by,
                details=plain_details(details()) if callable(details) else dict(details),
            )
        )

    def commit(self, draft: Manifest) -> Published:
        """Publish ``draft``, whose parts are written, as the next revision of its name. Raises as publish."""
        with self._guard(naming.guard_name(draft.series)):
            for _ in range(COMMIT_ATTEMPTS):
                self._require_open(draft.series)
                latest = self._latest_revision(draft.series)
                if latest is not None and draft.same_content(latest):
                    return Published(latest, created=False)
                manifest = draft.following(latest)
                self._require_parts(manifest)
                try:
                    self._store.create(manifest.key, manifest.to_bytes())
                except ObjectExists:
                    continue  # another writer was quicker: perhaps with the same
                return Published(manifest, created=True)
        raise VersionConflict(
            f"Other writers keep publishing other contents of {draft.series}.", hint="Run one at a time."
        )

    def _require_open(self, series: str) -> None:
        """A name whose latest revision is retired gets no other: its sources may be gone by now."""
        names = self._names(*series.split("/"))
        if names and self._store.exists(naming.retired_key(*names[-1])):
            raise VersionRetired(
                f"{series} is closed: retention deleted its rows, and the name is not used again.",
                hint="Its manifest stays, and what was built from it.",
            )

    def _require_parts(self, manifest: Manifest) -> None:
        """Look once more before the commit: a clean-up with no patience may have been at work."""
        for part in manifest.parts:
            try:
                found = self._store.stat(part.key)
            except ObjectNotFound:
                found = None
            if found is None or found.size != part.size:
                raise DatasetError(
                    f"The part '{part.key}' is gone before {manifest.name} was published.", hint="Run it again."
                )

    # -- finding -----------------------------------------------------------------------------------------
    def manifest(self, family: str, stage: str, period: str, revision: int | None = None) -> Manifest:
        """One revision, or the latest. Raises VersionNotFound, VersionCorrupt, DatasetError."""
        series = naming.check_series(family, stage, period)
        if revision is not None:
            return self._read(naming.manifest_key(family, stage, period, revision))
        latest = self._latest_revision(series)
        if latest is None:
            raise VersionNotFound(f"There is no dataset version {series}.", hint="See `assay datasets list`.")
        return latest

    def find(self, name: str) -> Manifest:
        """The version that a person means.

        ``viral/full/2026-10`` is its latest revision, ``viral/full/2026-10.r2`` that one, ``viral/full`` the
        latest period of the stage, and ``viral`` the latest ``full``. Raises VersionNotFound, InputError.
        """
        family, _, rest = name.partition("/")
        if "/" in rest:
            return self.manifest(*naming.parse_name(name))
        stage = rest or naming.DEFAULT_STAGE
        found = self.latest(family, stage)
        if found is None:
            raise VersionNotFound(
                f"There is no dataset version {family}/{stage}.", hint="See `assay datasets list`."
            )
        return found

    def list(self, family: str | None = None, stage: str | None = None) -> Manifests:
        """All versions with all revisions, sorted by family, stage, period and revision."""
        return [self._read(naming.manifest_key(*found)) for found in self._names(family, stage)]

    def latest_of_each(self, family: str, stage: str, period: str = "") -> Manifests:
        """The latest revision of each period that begins with ``period``, oldest period first."""
        naming.check_stage(family, stage)
        latest = {name[2]: name for name in self._names(family, stage) if name[2].startswith(period)}
        return [self._read(naming.manifest_key(*name)) for name in latest.values()]

    def latest(self, family: str, stage: str) -> Manifest | None:
        """The latest revision of the latest period, if there is any."""
        naming.check_stage(family, stage)
        names = self._names(family, stage)
        return self._read(naming.manifest_key(*names[-1])) if names else None

    # -- reading -----------------------------------------------------------------------------------------
    def batches(
        self, manifest: Manifest, columns: Sequence[str] | None = None, *, ahead: bool = True
    ) -> Iterator[pa.RecordBatch]:
        """The rows as a stream, each part verified before a row of it is given; at least one batch.

        Without ``ahead`` a part is fetched when the one before is used up: half the memory, for who publishes.

        Raises:
            VersionCorrupt: a part is missing or damaged; names the version and the part.
            VersionErased: a person in it was forgotten.
            VersionRetired: retention deleted its rows.
        """
        return self._unless_gone(manifest, read_batches(self._store, manifest, columns, ahead=ahead))

    def skim(self, manifest: Manifest, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some columns of the rows, as :meth:`batches`, for choosing among rows.

        Of a version with pictures nothing but these columns is fetched, and its parts are then not verified.
        """
        if not any(column.type in _HEAVY_TYPES for column in manifest.schema):
            return self.batches(manifest, columns)
        return self._unless_gone(manifest, skim_batches(self._store, manifest, columns))

    def _unless_gone(self, manifest: Manifest, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self.require_rows(manifest)
        try:
            yield from batches
        except VersionCorrupt:
            self.require_rows(manifest)  # they may have gone meanwhile
            raise

    def table(self, manifest: Manifest, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows in memory. Raises as :meth:`batches`."""
        return pa.Table.from_batches(self.batches(manifest, columns))

    def diff(self, a: Manifest, b: Manifest, key: Sequence[str], label: str) -> Diff:
        """What changed from ``a`` to ``b``: rows added, removed, relabelled, unchanged, by ``key``."""
        from storage.datasets.diff import compare

        return compare(partial(self.skim, a), partial(self.skim, b), key, label)

    # -- cleaning ----------------------------------------------------------------------------------------
    def gc(self, *, older_than: timedelta, as_of: datetime, delete: bool) -> Garbage:
        """Parts that no manifest names, and unfinished writes, both older than that; removed if asked.

        ``older_than`` protects a publish that is under way: make it longer than the longest takes.

        Raises:
            DatasetError: a manifest cannot be read, so that nobody knows which parts it names. Nothing is
            removed.
        """
        from storage.datasets.gc import collect_garbage

        return collect_garbage(
            self._store, self.named_parts, self._guard, before=as_of - older_than, delete=delete
        )

    def named_parts(self, series: str | None = None) -> set[str]:
        """Keys of all parts that any manifest names, of all families or of one ``family/stage/period``.

        What a revision named whose rows are erased or retired is named no more.
        """
        manifests = self._revisions(series) if series else self.list()
        gone = self.gone_names(*(series.split("/")[:2] if series else ()))
        return {part.key for manifest in manifests if manifest.name not in gone for part in manifest.parts}

    # -- erased and retired revisions --------------------------------------------------------------------
    def retire(self, manifest: Manifest, note: Mapping[str, Any]) -> None:
        """Say that the rows of ``manifest`` are gone, by retention; ``note`` is kept with it.

        From then on nobody reads them and no manifest names its parts: :meth:`remove_parts` deletes these.
        """
        text = json.dumps(plain_details(note), sort_keys=True)
        with contextlib.suppress(ObjectExists), self._guard(naming.guard_name(manifest.series)):
            self._store.create(naming.retired_key(*_place(manifest)), f"{text}\n".encode())

    def remove_parts(self, keys: Iterable[str]) -> Garbage:
        """Delete those of ``keys`` that no manifest names, however young. Only while nobody publishes."""
        from storage.datasets.gc import remove_unnamed

        return remove_unnamed(self._store, self.named_parts, self._guard, keys)

    def is_retired(self, manifest: Manifest) -> bool:
        """Whether retention deleted the rows of this version."""
        return self._store.exists(naming.retired_key(*_place(manifest)))

    def retired_names(self, family: str | None = None, stage: str | None = None) -> set[str]:
        """Names of the versions whose rows retention deleted."""
        return self._marked(naming.RETIRED, family, stage)

    def gone_names(self, family: str | None = None, stage: str | None = None) -> set[str]:
        """Names of the versions that have no rows any more, erased or retired."""
        return self.erased_names(family, stage) | self.retired_names(family, stage)

    def is_erased(self, manifest: Manifest) -> bool:
        """Whether a person in this revision was forgotten, so that its rows are gone (see ``erasing``)."""
        return self._store.exists(naming.erased_key(*_place(manifest)))

    def require_rows(self, manifest: Manifest) -> None:
        """Raise VersionErased or VersionRetired where the rows are gone: before a stream of it begins."""
        if self.is_erased(manifest):
            raise _erased(manifest)
        if self.is_retired(manifest):
            raise _retired(manifest.name)

    def erased_names(self, family: str | None = None, stage: str | None = None) -> set[str]:
        """Names of the revisions whose rows are gone, because a person in them was forgotten."""
        return self._marked(naming.ERASED, family, stage)

    def _marked(self, mark: str, family: str | None, stage: str | None) -> set[str]:
        prefix = naming.MANIFESTS + (f"{family}/" if family else "") + (f"{stage}/" if family and stage else "")
        keys = (info.key for info in self._store.list(prefix))
        return {key.removeprefix(naming.MANIFESTS).removesuffix(mark) for key in keys if key.endswith(mark)}

    # -- how it is done ----------------------------------------------------------------------------------
    def _names(self, family: str | None, stage: str | None, period: str | None = None) -> Names:
        prefix = naming.MANIFESTS
        for given in (family, stage):
            if given is None:
                break
            prefix += f"{given}/"
        found = (naming.parse_manifest_key(info.key) for info in self._store.list(prefix + (period or "")))
        return sorted(
            name
            for name in found
            if name and family in (None, name[0]) and stage in (None, name[1]) and period in (None, name[2])
        )

    def _revisions(self, series: str) -> Manifests:
        family, stage, period = series.split("/")
        return [self._read(naming.manifest_key(*name)) for name in self._names(family, stage, period)]

    def _latest_revision(self, series: str) -> Manifest | None:
        family, stage, period = series.split("/")
        names = self._names(family, stage, period)
        return self._read(naming.manifest_key(*names[-1])) if names else None

    def _read(self, key: str) -> Manifest:
        try:
            data = self._store.get(key)
        except ObjectNotFound:
            name = key.removeprefix(naming.MANIFESTS).removesuffix(".json")
            raise VersionNotFound(
                f"There is no dataset version {name}.", hint="See `assay datasets list`."
            ) from None
        return Manifest.from_bytes(data, key)
