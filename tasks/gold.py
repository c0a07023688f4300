"""Adding to a family's gold set out of class-named folders."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from config.errors import InputError
from models.family import Family, get_family
from models.images.hashing import sha256
from storage.datasets.manifest import Manifest
from storage.erasure import is_erased, rows_guard
from storage.image_hashes import ImageRecord, record_images
from tasks.building import workers_for
from tasks.candidates import rerank_waiting
from tasks.image_folders import FolderPhoto, read_folder
from tasks.options import options_of
from tasks.platform import Platform
from tasks.versions import publish_and_record

MADE_BY = "add-gold"
PERIOD = "base"
#: A batch is closed at so many photos, or so many bytes of them.
BATCH_PHOTOS, BATCH_BYTES = 64, 16 << 20
THREADS = 2


@dataclass(frozen=True)
class LeftOut:
    """A file that was not added, and why."""

    name: str
    reason: str


@dataclass
class GoldReport:
    """What became of the files.

    Attributes:
        added: photos by class; ``classes`` all gold photos by class now.
        known: files whose very bytes are gold already, under the same class.
        removed: photos that were gold and are no more (``replace``).
        without_face: photos added in which no face was found; they are taken whole.
        alike: photos added without a person's name that look like another one, and are taken to be of the same
            person.
    """

    dataset: str | None = None
    new: bool = False
    files: int = 0
    added: Counter[str] = field(default_factory=Counter)
    classes: dict[str, int] = field(default_factory=dict)
    known: int = 0
    removed: int = 0
    without_face: int = 0
    alike: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def add_gold(
    parts: Platform,
    family_name: str,
    folder: Path,
    *,
    at: dt.datetime,
    run_id: str,
    replace: bool = False,
    on_file: Callable[[int], None] | None = None,
) -> GoldReport:
    """Publish ``gold/base`` with the photos of ``folder`` beside those that are there, same bytes once.

    Adding the same folder again changes nothing. What cannot be added is named in the report, and the rest goes
    on.

    Args:
        parts: the platform.
        family_name: a family with pictures.
        folder: has a folder for each class; in it pictures, or a folder for each person with pictures.
        at: when they were added.
        run_id: who runs.
        replace: the photos of ``folder`` take the place of those that are there.
        on_file: told how many files have been looked at.

    Raises:
        InputError: the family takes no gold from folders, or there is nothing in ``folder`` that can be used.
        StoreError, DatabaseUnavailable: nothing is published; run it again.
    """
    family = get_family(family_name)
    maker = _maker_of(family)
    with rows_guard(parts.engine, family_name):
        options = options_of(family, parts.settings)
        there = parts.datasets.latest(family_name, "gold")
        adding = _Adding(parts, family, maker, options, there, at, replace)
        found = adding.batches(read_folder(folder, options.limits), on_file)
        first = next(found, None)
        report = adding.report
        if first is None and (there is None or replace):
            raise InputError(f"Nothing in {folder} can be gold: {_why(report)}.", hint=_HINT)
        manifest = there
        if first is not None:
            kept = iter(()) if there is None or replace else parts.datasets.batches(there, ahead=False)
            published = publish_and_record(
                parts, at=at, run_id=run_id, family=family_name, stage="gold", period=PERIOD,
                schema=family.schema, batches=itertools.chain(kept, [first], found), made_by=MADE_BY,
                label=family.label, split="split", workers=workers_for(family),
            )  # fmt: skip
            manifest, report.new = published.manifest, published.created
        assert manifest is not None  # noqa: S101 - either it was there or it was published
        _remember(parts, family, manifest)
        rerank_waiting(parts, family)
    report.dataset, report.classes = manifest.ref.name, dict(manifest.classes)
    report.removed = len(adding.known.keys() - adding.taken.keys()) if replace else 0
    return report


_HINT = "A folder for each class, named as in the settings: DIR/Soft/1.jpg, or DIR/Soft/anna/1.jpg."


class _Adding:
    """One folder on its way into the gold set."""

    def __init__(
        self,
        parts: Platform,
        family: Family,
        maker: Any,
        options: Any,
        there: Manifest | None,
        at: dt.datetime,
        replace: bool,
    ) -> None:
        self._parts, self._family, self._module, self._options = parts, family, maker, options
        self._at, self._replace = at, replace
        columns = ["photo", "user_id", "at", "label", "phash"]
        schema = pa.schema([family.schema.field(name) for name in columns])
        batches = [] if there is None else list(parts.datasets.skim(there, columns))
        gold = pa.Table.from_batches(batches, schema)
        #: photo -> (label, when it was added)
        self.known = dict(
            zip(
                gold["photo"].to_pylist(),
                zip(gold["label"].to_pylist(), gold["at"].to_pylist(), strict=True),
                strict=True,
            )
        )
        self._maker = maker.GoldMaker(options, gold.slice(0, 0) if replace else gold)
        #: photo -> (label, the file's name), of this folder
        self.taken: dict[str, tuple[str, str]] = {}
        self._erased: dict[str, bool] = {}
        self.report = GoldReport()

    def batches(
        self, photos: Iterator[FolderPhoto], on_file: Callable[[int], None] | None
    ) -> Iterator[pa.RecordBatch]:
        """The examples that are new, a few photos at a time; the report is whole at the end."""
        rows: list[dict[str, Any]] = []
        size = 0
        for photo, noticed in self._looked_at(photos, on_file):
            row = self._row(photo, noticed)
            if row is None:
                continue
            rows.append(row)
            size += len(photo.data)
            if len(rows) >= BATCH_PHOTOS or size >= BATCH_BYTES:
                yield self._maker.batch(rows)
                rows, size = [], 0
        if rows:
            yield self._maker.batch(rows)

    def _looked_at(
        self, photos: Iterator[FolderPhoto], on_file: Callable[[int], None] | None
    ) -> Iterator[tuple[FolderPhoto, Any]]:
        pending: deque[tuple[FolderPhoto, Future[Any]]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="gold") as pool:
            for photo in photos:
                self.report.files += 1
                if on_file is not None:
                    on_file(self.report.files)
                if self._fits(photo):
                    pending.append((photo, pool.submit(self._maker.look, photo.data)))
                if len(pending) > 2 * THREADS:
                    first, done = pending.popleft()
                    yield first, done.result()
            while pending:
                first, done = pending.popleft()
                yield first, done.result()

    def _fits(self, photo: FolderPhoto) -> bool:
        """Whether the file may be gold, by all that can be said without opening it."""
        reason = photo.problem or self._refused(photo)
        if reason is not None:
            self.report.left_out.append(LeftOut(photo.name, reason))
            return False
        key = self._module.key_of(sha256(photo.data))
        if key in self.taken:
            label, name = self.taken[key]
            where = "" if label == photo.label else f", which lies under {label}"
            self.report.left_out.append(LeftOut(photo.name, f"the same picture as {name}{where}"))
            return False
        if key in self.known and not self._replace:
            label = self.known[key][0]
            if label == photo.label:
                self.report.known += 1
            else:
                self.report.left_out.append(LeftOut(photo.name, f"gold already, as {label}"))
            return False
        self.taken[key] = photo.label, photo.name
        return True

    def _refused(self, photo: FolderPhoto) -> str | None:
        if photo.label not in self._options.classes:
            alike = [name for name in self._options.classes if name.casefold() == photo.label.casefold()]
            meant = f" (did you mean {alike[0]}?)" if alike else ""
            return f"no such class: {photo.label}{meant}"
        if photo.person is not None and self._forgotten(photo.person):
            return "of a forgotten person"
        return None

    def _forgotten(self, person: str) -> bool:
        if person not in self._erased:
            self._erased[person] = bool(is_erased(self._parts.engine, self._parts.settings, [person]))
        return self._erased[person]

    def _row(self, photo: FolderPhoto, noticed: Any) -> dict[str, Any] | None:
        key = self._module.key_of(noticed.facts["sha256"])
        if noticed.problem is not None:
            del self.taken[key]
            self.report.left_out.append(LeftOut(photo.name, noticed.problem))
            return None
        at = self.known[key][1] if key in self.known else self._at
        row: dict[str, Any] = self._maker.row(
            self._module.GoldPhoto(photo.data, photo.label, photo.person, at), noticed
        )
        self.report.added[photo.label] += 1
        self.report.without_face += row.get("faces") == 0
        self.report.alike += photo.person is None and not key.startswith(row["user_id"])
        return row


def _maker_of(family: Family) -> Any:
    """The family's module that makes gold of pictures. Raises InputError."""
    module = f"models.{family.name}.gold"
    if not family.heavy or importlib.util.find_spec(module) is None:
        raise InputError(
            f"Gold of '{family.name}' is not added from folders: it does not learn from pictures.",
            hint="`assay import` loads tables.",
        )
    return importlib.import_module(module)


def _remember(parts: Platform, family: Family, manifest: Manifest) -> None:
    """So that what users upload is compared with gold."""
    records = [
        ImageRecord(row["photo"], row["sha256"], row["phash"], row["user_id"])
        for batch in parts.datasets.skim(manifest, ["photo", "sha256", "phash", "user_id"])
        for row in batch.to_pylist()
    ]
    record_images(parts.engine, family.name, None, records)


def _why(report: GoldReport) -> str:
    reasons = Counter(one.reason for one in report.left_out)
    said = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(3))
    return said or "there is no file in it"
