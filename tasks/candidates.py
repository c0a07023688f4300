"""The index of candidates, kept in line with the versions that it points into."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.candidates import CandidateFacts, clusters, usefulness
from models.family import Family
from storage.candidates import IndexRow, index_candidates, rerank, waiting
from storage.datasets import Manifest
from storage.image_hashes import ImageRecord, record_images
from storage.reviews import candidate_key
from storage.rows import plain_json
from tasks.platform import Platform
from tasks.reviewing import kind

FLAG = "flag"


@dataclass(frozen=True)
class Indexed:
    """What became of the index: rows that changed, and candidates that moved in the order of verification."""

    changed: int
    moved: int


def index_version(parts: Platform, family: Family, day: dt.date, manifest: Manifest, options: Any) -> Indexed:
    """Make the index say of ``day`` what its version says, and put all that wait in order.

    Of a family whose every row is decided all rows are in it, of the others those that carry a flag. Pictures
    are remembered too, so that later days are compared with them. Doing it again changes nothing.

    Raises:
        VersionCorrupt: the version cannot be read.
        DatabaseUnavailable: the server cannot be reached.
    """
    found = list(_facts(parts, family, manifest, options))
    asked = found if family.review == "all" else [one for one in found if one.flag is not None]
    index_rows = _rows(asked, family, known_classes(parts, family))
    changed = index_candidates(parts.engine, family.name, day, manifest.ref.name, index_rows)
    images = [
        ImageRecord(candidate.key[0], candidate.sha256, candidate.phash, candidate.entity)
        for candidate in found
        if candidate.sha256 is not None
    ]
    if family.heavy:
        record_images(parts.engine, family.name, day, images)
    return Indexed(changed, rerank_waiting(parts, family) if changed else 0)


def rerank_waiting(parts: Platform, family: Family) -> int:
    """Put the candidates that wait in order, by the verified rows of now; returns how many moved."""
    here = waiting(parts.engine, family.name)
    places = _places(
        [one.candidate for one in here],
        [one.entity for one in here],
        [one.label for one in here],
        [one.margin for one in here],
        family,
        known_classes(parts, family),
    )
    moved = [
        (one.id, *place) for one, place in zip(here, places, strict=True) if (one.rank, one.cluster) != place
    ]
    if not moved:
        return 0
    ids, ranks, names = zip(*moved, strict=True)
    return rerank(parts.engine, family.name, ids, ranks, names)


def known_classes(parts: Platform, family: Family) -> Mapping[str, int]:
    """Rows by class that are known to be right: of the latest ``full`` version, or else of the gold."""
    latest = parts.datasets.latest(family.name, "full") or parts.datasets.latest(family.name, "gold")
    return latest.classes if latest is not None else {}


def _facts(parts: Platform, family: Family, manifest: Manifest, options: Any) -> Iterator[CandidateFacts]:
    light = [field.name for field in family.schema if field.name not in family.heavy]
    for batch in parts.datasets.skim(manifest, light):
        # every picture is remembered, also where nobody is asked about it
        every = family.review == "all" or family.heavy
        chosen = batch if every else batch.filter(pc.is_valid(batch.column(FLAG)))
        yield from family.facts(chosen, options) if family.facts else _plain_facts(chosen, family)


def _plain_facts(batch: pa.RecordBatch, family: Family) -> Iterator[CandidateFacts]:
    for row in batch.to_pylist():
        yield CandidateFacts(
            key=tuple(row[name] for name in family.key),
            entity=row[family.entity],
            label=row[family.label],
            confidence=None,
            margin=None,
            flag=row[FLAG],
            values=plain_json({name: value for name, value in row.items() if value is not None}),
        )


def _rows(found: Sequence[CandidateFacts], family: Family, known: Mapping[str, int]) -> Iterator[IndexRow]:
    names = [candidate_key(one.key) for one in found]
    places = _places(
        names, [one.entity for one in found], [one.label for one in found], [one.margin for one in found],
        family, known,
    )  # fmt: skip
    for name, one, (rank, cluster) in zip(names, found, places, strict=True):
        yield IndexRow(
            candidate=name,
            entity=one.entity,
            label=one.label,
            confidence=one.confidence,
            margin=one.margin,
            flag=one.flag,
            kind=kind(one.flag) if one.flag is not None else None,
            set_aside=family.review == "all" and one.flag is not None,
            image=one.image,
            values=one.values,
            rank=rank,
            cluster=cluster,
        )


def _places(
    names: Sequence[str],
    entities: Sequence[str | None],
    labels: Sequence[str | None],
    margins: Sequence[float | None],
    family: Family,
    known: Mapping[str, int],
) -> list[tuple[float, str]]:
    """(rank, cluster) of each candidate.

    Only where every row is decided are an entity's rows seen together: outcomes of one video may well differ.
    """
    whose = entities if family.review == "all" else [None] * len(names)
    numbers = np.array([np.nan if margin is None else margin for margin in margins], float)
    ranks = usefulness(numbers, labels, whose, known)
    return list(zip(ranks.tolist(), clusters(names, labels, whose), strict=True))
