"""Removing a person's rows from versions that are published.

How one revision becomes the next one without them: unchanged parts are shared, the others are written anew.
What is done in which order, eraser.py says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.manifest import Manifest, Part, VersionRef
from storage.datasets.reader import read_part, skim_part
from storage.datasets.writer import PartWriter
from storage.objects import ObjectStore

MADE_BY = "forget"
ERASED = "erased"
#: What stands in a flag in place of the name of something of the person.
INSTEAD = "a forgotten one"
_NAMED, _FLAG = ": ", "flag"
#: A part is written anew as one part, however large.
_ONE_PART = 1 << 62


@dataclass(frozen=True)
class Whose:
    """Whose rows go.

    Attributes:
        column: the column that names the person, and ``person`` the value.
        names: what the person's rows are called. A flag of somebody else's row may end in one of them, behind a
            colon, as in "exact duplicate of another photo: anna/1.jpg".
        about: the column that names what a row is about, and ``things`` what the person made or is: rows of
            others about these go along. Empty: such rows stay.
    """

    column: str
    person: str
    names: frozenset[str] = frozenset()
    about: str = ""
    things: frozenset[str] = frozenset()

    def mentioned(self, flag: str) -> bool:
        """Whether ``flag`` ends in the name of something of the person."""
        name = flag.partition(_NAMED)[2]
        return bool(name) and (name in self.names or name.startswith(f"{self.person}/"))

    def tacit(self, flag: str | None) -> str | None:
        """``flag`` without such a name."""
        if flag is None or not self.mentioned(flag):
            return flag
        return f"{flag.partition(_NAMED)[0]}{_NAMED}{INSTEAD}"


@dataclass(frozen=True)
class Holding:
    """A revision that holds rows of the person, or names one in a flag.

    Attributes:
        rows: how many of its rows are the person's.
        parts: keys of the parts that hold or name them.
        values: those columns that were asked for, of the person's rows.
    """

    manifest: Manifest
    rows: int
    parts: frozenset[str]
    values: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Found:
    rows: int
    mentioned: bool
    values: list[dict[str, Any]]


def find_holdings(
    store: ObjectStore, manifests: Iterable[Manifest], whose: Whose, columns: Sequence[str]
) -> list[Holding]:
    """Those of ``manifests`` that hold or name the person; a part that several name is looked at once.

    Raises:
        VersionCorrupt: a part cannot be read, so that nobody knows whether it holds the person.
    """
    known: dict[str, _Found] = {}
    holdings = []
    for manifest in manifests:
        if whose.column not in manifest.columns:
            continue
        wanted = [name for name in columns if name in manifest.columns]
        for part in manifest.parts:
            if part.key not in known:
                known[part.key] = _look(store, manifest, part, whose, wanted)
        found = {part.key: known[part.key] for part in manifest.parts}
        touched = frozenset(key for key, one in found.items() if one.rows or one.mentioned)
        if touched:
            rows = sum(known[part.key].rows for part in manifest.parts)
            values = [value for one in found.values() for value in one.values]
            holdings.append(Holding(manifest, rows, touched, tuple(values)))
    return holdings


def _look(store: ObjectStore, manifest: Manifest, part: Part, whose: Whose, columns: Sequence[str]) -> _Found:
    flagged = _FLAG in manifest.columns
    about = [whose.about] if whose.about in manifest.columns else []
    read = dict.fromkeys([whose.column, *about, *columns, *([_FLAG] if flagged else [])])
    rows, mentioned, values = 0, False, []
    for batch in skim_part(store, manifest.name, part, list(read)):
        mine = _mine(batch, whose)
        own = batch.filter(mine)
        rows += own.num_rows
        values += own.select(list(columns)).to_pylist()
        if flagged and not mentioned:
            flags = batch.filter(pc.invert(mine)).column(_FLAG).drop_null().to_pylist()
            mentioned = any(map(whose.mentioned, flags))
    return _Found(rows, mentioned, values)


def _mine(batch: pa.RecordBatch, whose: Whose) -> pa.BooleanArray:
    mine = pc.equal(batch.column(whose.column), whose.person)
    if whose.about in batch.schema.names:
        things = pa.array(sorted(whose.things), pa.string())
        mine = pc.or_kleene(mine, pc.is_in(batch.column(whose.about), value_set=things))
    return pc.fill_null(mine, False)


def without(batch: pa.RecordBatch, whose: Whose) -> pa.RecordBatch:
    """``batch`` without the person's rows, and without the names of them in the flags of others."""
    kept = batch.filter(pc.invert(_mine(batch, whose)))
    if _FLAG not in kept.schema.names:
        return kept
    flags = kept.column(_FLAG).to_pylist()
    place = kept.schema.get_field_index(_FLAG)
    told = pa.array(map(whose.tacit, flags), kept.schema.field(place).type)
    return kept.set_column(place, kept.schema.field(place), told)


def rewritten(
    store: ObjectStore,
    holding: Holding,
    whose: Whose,
    *,
    label: str,
    split: str,
    refs: Mapping[str, VersionRef],
) -> Manifest:
    """The manifest of the next revision, without the person's rows; its parts are written.

    Args:
        store: where the parts lie.
        holding: the latest revision.
        whose: the person.
        label: column whose classes the manifest counts, and ``split`` the column with the split.
        split: see ``label``.
        refs: name of an erased revision -> the one that stands in its place, for ``built_from``.
    """
    old = holding.manifest
    parts: list[Part] = []
    gone: dict[str, Counter[str]] = {label: Counter(), split: Counter()}
    schema: pa.Schema | None = None
    for part in old.parts:
        if part.key not in holding.parts:
            parts.append(part)
            continue
        schema, written = _rewrite_part(store, old, part, whose, gone)
        parts += written
    if not parts and schema is not None:
        parts = PartWriter(store, old.series).write([], schema, label=None, split=None).parts
    return replace(
        old,
        parts=parts,
        rows=old.rows - holding.rows,
        classes=_less(old.classes, gone[label]),
        split=_less(old.split, gone[split]),
        built_from=[refs.get(ref.name, ref) for ref in old.built_from],
        made_by=MADE_BY,
        # how many, and never whose
        details={**old.details, ERASED: old.details.get(ERASED, 0) + holding.rows},
    )


def _rewrite_part(
    store: ObjectStore, manifest: Manifest, part: Part, whose: Whose, gone: Mapping[str, Counter[str]]
) -> tuple[pa.Schema, list[Part]]:
    """(the part's schema, the part without the person's rows: none where no other rows are in it)."""
    batches = read_part(store, manifest.name, part)
    first = next(batches)

    def kept() -> Iterator[pa.RecordBatch]:
        for batch in _chained(first, batches):
            for column, counter in gone.items():
                if column in batch.schema.names:
                    own = batch.filter(_mine(batch, whose)).column(column).drop_null()
                    counter.update(map(str, own.to_pylist()))
            yield without(batch, whose)

    written = PartWriter(store, manifest.series, part_bytes=_ONE_PART).write(
        kept(), first.schema, label=None, split=None
    )
    return first.schema, [each for each in written.parts if each.rows]


def _chained(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from others


def _less(counts: Mapping[str, int], gone: Counter[str]) -> dict[str, int]:
    return {name: count - gone[name] for name, count in counts.items() if count > gone[name]}
