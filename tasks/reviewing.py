"""Reviewing: the candidates that need an admin, and what one decides about them.

In most families those are the ones that carry a flag; in a family of which every row is reviewed they are all,
and a flag says why one was set aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
from storage.datasets.manifest import Manifest
from storage.datasets.merge import relabel
from storage.datasets.repository import DatasetRepository
from storage.reviews import Review, candidate_key, latest_decisions

#: (rows, row -> the label that an admin gave it) -> the rows with those labels, and all that follows from them.
Correct = Callable[[pa.RecordBatch, Mapping[int, str]], pa.RecordBatch]

PERIOD = re.compile(r"\d{4}-\d{2}(-\d{2})?")
#: A picture that could be opened has one.
WIDTH = "width"
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")


@dataclass(frozen=True)
class Flagged:
    """A candidate that waits, or waited, for an admin.

    Attributes:
        candidate: its name in the table of reviews.
        dataset: the version that it is in.
        key: values of its family's key columns.
        label: the class that was observed or, where every row is reviewed, predicted.
        flag: why an admin should look, or why it was set aside.
        review: the decision that counts, if there is one.
        aside: whether it was set aside, and waits only for who asks for it.
        picture: whether there is something to learn from; not where its picture cannot be opened.
    """

    candidate: str
    dataset: str
    key: dict[str, Any]
    label: str | None
    flag: str | None
    review: Review | None
    aside: bool = False
    picture: bool = True

    @property
    def name(self) -> str:
        """The key's values as one word after another: what ``--key`` takes."""
        return " ".join(map(_written, self.key.values()))


def flagged(
    datasets: DatasetRepository, engine: Engine, family: Family, period: str | None = None
) -> list[Flagged]:
    """The candidates that need an admin, of a day (YYYY-MM-DD), a month (YYYY-MM) or all, oldest day first.
    Days that retention has deleted are left out.

    Raises:
        InputError: ``period`` is neither.
        VersionNotFound: nothing was collected for it.
        VersionRetired: retention has deleted all of it.
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
    retired = datasets.retired_names(family.name, "candidates")
    found: dict[str, Flagged] = {}
    for manifest in [one for one in versions if one.name not in retired] or versions:
        for row in _rows(datasets, family, manifest):
            key = {name: row[name] for name in family.key}
            candidate = candidate_key(key.values())
            aside = family.review == "all" and row["flag"] is not None
            found[candidate] = Flagged(
                candidate, manifest.name, key, row["label"], row["flag"], decided.get(candidate), aside,
                row.get(WIDTH, 0) is not None,
            )  # fmt: skip
    return list(found.values())


def _rows(datasets: DatasetRepository, family: Family, manifest: Manifest) -> list[dict[str, Any]]:
    """Key, label and flag of each row of ``manifest`` that needs an admin; the width of pictures."""
    if family.review == "flagged" or "predicted_class" not in manifest.columns:
        label = family.label
    else:
        label = "predicted_class"  # nobody has given it a label yet
    also = [WIDTH] if family.heavy and WIDTH in manifest.columns else []
    table = pa.Table.from_batches(datasets.skim(manifest, [*family.key, label, "flag", *also]))
    table = table.rename_columns([*family.key, "label", "flag", *also])
    if family.review == "flagged":
        table = table.filter(pc.is_valid(table["flag"]))
    return table.to_pylist()


def select(
    candidates: Sequence[Flagged],
    *,
    keys: Sequence[str] = (),
    reason: str | None = None,
    decided: bool = False,
    aside: bool = False,
) -> list[Flagged]:
    """Those of ``candidates`` that are meant.

    Args:
        candidates: what :func:`flagged` found.
        keys: names (:attr:`Flagged.name`), or first key values alone, which mean all rows with it; empty: all.
        reason: words that the flag must hold, whatever their case; None: any flag.
        decided: also those that have a decision already.
        aside: also those that were set aside; ``keys`` and ``reason`` find them anyway.

    Raises:
        InputError: a key names none of them.
    """
    chosen = [
        one
        for one in candidates
        if (decided or one.review is None)
        and (aside or keys or reason or not one.aside)
        and (reason is None or reason.casefold() in (one.flag or "").casefold())
        and (not keys or one.name in keys or _entity(one) in keys)
    ]
    only_flagged = not any(one.flag is None for one in candidates)
    strange = sorted(set(keys) - {name for one in chosen for name in (one.name, _entity(one))})
    if strange:
        raise InputError(
            f"No {'flagged ' if only_flagged else ''}candidate{'' if decided else ' that waits'} is"
            f" called '{strange[0]}'.",
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
    if family.settle is not None:
        options = family.options(settings)
        classes = tuple(getattr(options, "classes", ()))
        if classes and label not in classes:
            raise InputError(f"'{label}' is no {family.name} class.", hint=f"Classes: {', '.join(classes)}.")
        return
    row = pa.RecordBatch.from_arrays(
        [pa.nulls(1, field.type) for field in family.schema], names=family.schema.names
    )
    correction(family, settings)(row, {0: label})


def check_decision(family: Family, decision: str, chosen: Sequence[Flagged]) -> None:
    """Raise InputError where ``decision`` confirms a class that nobody has predicted, or gives one to a picture
    that cannot be opened.
    """
    blank = [one for one in chosen if not one.picture]
    if decision in ("accept", "correct") and blank:
        others = f", nor of {len(blank) - 1:,} more" if len(blank) > 1 else ""
        raise InputError(
            f"The picture of '{blank[0].name}' cannot be opened{others}: nothing can be learned from it.",
            hint="It can only be rejected, with --reject; --key and --reason choose among the others.",
        )
    nameless = [one for one in chosen if one.label is None]
    if family.review == "all" and decision == "accept" and nameless:
        raise InputError(
            f"'{nameless[0].name}' has no predicted class that could be right.",
            hint="Give it its class with --correct, or --reject it.",
        )


def months_of(family: Family, chosen: Sequence[Flagged], at: datetime) -> list[str]:
    """The months (YYYY-MM) whose verified set decisions of the moment ``at`` change: that of the decision where
    every row is reviewed, and else those in which the candidates were collected.
    """
    if not chosen:
        return []
    if family.review == "all":
        return [f"{at.astimezone(UTC):%Y-%m}"]
    return sorted({one.dataset.split("/")[2][:7] for one in chosen})


def kind(flag: str) -> str:
    """A flag without its figures and what stands behind a colon, so that flags of one kind can be counted."""
    return _NUMBER.sub("N", flag.partition(": ")[0])


def _entity(one: Flagged) -> str:
    return _written(next(iter(one.key.values())))


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
