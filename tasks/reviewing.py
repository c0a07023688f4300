"""Reviewing: the candidates that carry a flag, and what an admin decides about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from config.errors import InputError, VersionNotFound
from config.settings import Settings
from models.family import Family
from storage.datasets.merge import Correct, relabel
from storage.datasets.repository import DatasetRepository
from storage.reviews import Review, candidate_key, latest_decisions

PERIOD = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")


@dataclass(frozen=True)
class Flagged:
    """A candidate that waits, or waited, for an admin.

    Attributes:
        candidate: its name in the table of reviews.
        dataset: the version that it is in.
        key: values of its family's key columns.
        flag: why an admin should look.
        review: the decision that counts, if there is one.
    """

    candidate: str
    dataset: str
    key: dict[str, Any]
    label: str | None
    flag: str
    review: Review | None

    @property
    def name(self) -> str:
        """The key's values as one word after another: what ``--key`` takes."""
        return " ".join(map(_written, self.key.values()))


def flagged(
    datasets: DatasetRepository, engine: Engine, family: Family, period: str | None = None
) -> list[Flagged]:
    """The flagged candidates of a day (YYYY-MM-DD), of a month (YYYY-MM) or of all days, oldest day first.

    Raises:
        InputError: ``period`` is neither.
        VersionNotFound: nothing was collected for it.
    """
    if period is not None and not PERIOD.fullmatch(period):
        raise InputError(f"'{period}' is neither a day nor a month.", hint="Such as 2026-10-19 or 2026-10.")
    versions = datasets.latest_of_each(family.name, "candidates", period or "")
    if not versions:
        raise VersionNotFound(
            f"Family '{family.name}' has no candidates{f' of {period}' if period else ''}.",
            hint="`assay flows run collect-daily --date` and a day collects them.",
        )
    decided = latest_decisions(engine, family.name)
    found: dict[str, Flagged] = {}
    for manifest in versions:
        table = datasets.table(manifest, [*family.key, family.label, "flag"])
        for row in table.filter(pc.is_valid(table["flag"])).to_pylist():
            key = {name: row[name] for name in family.key}
            candidate = candidate_key(key.values())
            found[candidate] = Flagged(
                candidate, manifest.name, key, row[family.label], row["flag"], decided.get(candidate)
            )
    return list(found.values())


def select(
    candidates: Sequence[Flagged], *, keys: Sequence[str] = (), reason: str | None = None, decided: bool = False
) -> list[Flagged]:
    """Those of ``candidates`` that are meant.

    Args:
        candidates: what :func:`flagged` found.
        keys: names (:attr:`Flagged.name`), or first key values alone, which mean all rows with it; empty: all.
        reason: words that the flag must hold, whatever their case; None: any flag.
        decided: also those that have a decision already.

    Raises:
        InputError: a key names none of them.
    """
    chosen = [
        one
        for one in candidates
        if (decided or one.review is None)
        and (reason is None or reason.casefold() in one.flag.casefold())
        and (not keys or one.name in keys or _entity(one) in keys)
    ]
    strange = sorted(set(keys) - {name for one in chosen for name in (one.name, _entity(one))})
    if strange:
        raise InputError(
            f"No flagged candidate{'' if decided else ' that waits'} is called '{strange[0]}'.",
            hint="A key is written as the list shows it; `--decided` has those already decided too.",
        )
    return chosen


def correction(family: Family, settings: Settings) -> Correct:
    """What a corrected label means for a row of ``family``."""
    own, options = family.correct, family.options(settings)
    if own is None:
        return partial(relabel, label=family.label)
    return lambda rows, labels: own(rows, labels, options)


def check_label(family: Family, settings: Settings, label: str) -> None:
    """Raise InputError where ``label`` is none of ``family``, as far as the family can tell."""
    row = pa.RecordBatch.from_arrays(
        [pa.nulls(1, field.type) for field in family.schema], names=family.schema.names
    )
    correction(family, settings)(row, {0: label})


def kind(flag: str) -> str:
    """A flag without its figures, so that flags of one kind can be counted."""
    return _NUMBER.sub("N", flag)


def _entity(one: Flagged) -> str:
    return _written(next(iter(one.key.values())))


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
