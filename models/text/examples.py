"""Labelled texts to examples: what belongs together, which side of the split it is on, and what is doubtful."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import conform, take_rows
from models.family import TEST, TRAIN, VALID, Window
from models.splits import assign_split
from models.text.normalise import fold
from models.text.schema import EXAMPLE_SCHEMA, LABELLED_SCHEMA

DISAGREE = "reviewers disagree"
CONTRADICTED = "a confident model was contradicted"
#: A model that is this sure of another label is worth a second look.
CONFIDENT = 0.9


def folded_hashes(texts: list[str]) -> list[str]:
    """A hash of each normalised text: what differs in case, spacing or disguise only has one hash."""
    folded = fold(texts)
    found = []
    for row in range(len(texts)):
        said = " ".join(folded.text(row).split())
        found.append(hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest())
    return found


def source_span(window: Window, _options: Any) -> Window:
    """The window itself: a label is known when it is given."""
    return window


@dataclass(frozen=True)
class TextExamples:
    """``collect``, ``training_rows`` and ``examples_from_rows`` of a text family.

    Attributes:
        salt: of the split; part of every text's side for ever.
    """

    salt: str

    def collect(self, sources: Mapping[str, Any], window: Window, _options: Any) -> pa.Table:
        """The texts that were labelled in ``window``, the latest label of each, by their key.

        Args:
            sources: ``labelled``, in the columns of ``LABELLED_SCHEMA``.
            window: half-open span of ``labelled_at``.
        """
        labelled = conform(sources["labelled"], LABELLED_SCHEMA)
        times = labelled["labelled_at"].to_pylist()
        inside = np.array([at is not None and window.start <= at < window.end for at in times], bool)
        rows = take_rows(labelled, inside).sort_by([("text_id", "ascending"), ("labelled_at", "ascending")])
        ids = rows["text_id"].to_pylist()
        last = np.array([one != following for one, following in zip(ids, [*ids[1:], None], strict=False)], bool)
        return self.examples(take_rows(rows, last))

    def examples(self, rows: pa.Table) -> pa.Table:
        """Rows of ``LABELLED_SCHEMA`` as examples."""
        rows = conform(rows, LABELLED_SCHEMA)
        hashes = pa.array([f"text/{each}" for each in folded_hashes(rows["text"].to_pylist())], pa.string())
        group = pc.coalesce(rows["group_id"], rows["user_id"], hashes)
        columns = {
            **{name: rows[name] for name in rows.column_names if name in EXAMPLE_SCHEMA.names},
            "group": group,
            "flag": pa.array(_flags(rows), pa.string()),
            "source": pc.fill_null(rows["source"], "import"),
            "split": assign_split(group, self.salt),
        }
        return conform(pa.table(columns), EXAMPLE_SCHEMA)

    def training_rows(self, examples: pa.Table, _options: Any) -> tuple[pa.Table, pa.Table, pa.Table]:
        """(train, valid, test) by the column ``split``. A text that stands in several of them, but for case,
        spacing and disguise, stays where it measures.
        """
        train, valid, test = (
            examples.filter(pc.equal(examples["split"], role)) for role in (TRAIN, VALID, TEST)
        )
        valid = _without(valid, test)
        return _without(_without(train, valid), test), valid, test

    def examples_from_rows(self, rows: Mapping[str, pa.Table], _options: Any) -> dict[str, pa.Table]:
        """Clean rows of plain files by role as examples whose split is their role. Without ``valid`` some 15 %
        of the groups of ``train`` take its part.
        """
        found = {role: self.examples(table) for role, table in rows.items()}
        if VALID not in found:
            held = pc.equal(assign_split(found[TRAIN]["group"], f"{self.salt} evaluation"), VALID)
            found[VALID] = found[TRAIN].filter(held)
            found[TRAIN] = found[TRAIN].filter(pc.invert(held))
            found[TRAIN] = _without(found[TRAIN], found[VALID])
        return {role: _placed(table, role) for role, table in found.items()}


def _flags(rows: pa.Table) -> list[str | None]:
    found: list[str | None] = []
    columns = (rows[name].to_pylist() for name in ("label", "predicted", "confidence", "disputed"))
    for label, predicted, confidence, disputed in zip(*columns, strict=True):
        if disputed:
            found.append(DISAGREE)
        elif predicted is not None and predicted != label and (confidence or 0.0) >= CONFIDENT:
            found.append(f"{CONTRADICTED}: {predicted}")
        else:
            found.append(None)
    return found


def _without(rows: pa.Table, others: pa.Table) -> pa.Table:
    """``rows`` but for texts that, normalised, are among ``others``."""
    if not rows.num_rows or not others.num_rows:
        return rows
    known = set(folded_hashes(others["text"].to_pylist()))
    keep = np.array([each not in known for each in folded_hashes(rows["text"].to_pylist())], bool)
    return rows if keep.all() else take_rows(rows, keep)


def _placed(table: pa.Table, role: str) -> pa.Table:
    place = table.schema.get_field_index("split")
    return table.set_column(
        place, EXAMPLE_SCHEMA.field("split"), pa.array([role] * table.num_rows, pa.string())
    )
