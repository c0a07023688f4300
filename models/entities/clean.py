"""Strangers' tables to tagged texts: tags over our tokens, over theirs, or spans; else as all texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.convert import rejected_rows
from models.entities.labels import label_of
from models.entities.tags import is_tag
from models.family import Rejected
from models.text.aliases import resolve_columns
from models.text.clean import TextCleaner

_LABELS = ("tags", "ner_tags", "bio", "entities", "spans", "labels")
_TOKENS = ("tokens", "words")


def _tags(raw: str, _column: str) -> str | None:
    """Tags as an admin writes them, joined by single spaces; None where one is none."""
    tags = raw.split()
    return " ".join(tags) if tags and all(map(is_tag, tags)) else None


READER = TextCleaner(read=_tags, known=("O", "B-type", "I-type"), more={"label": _LABELS})


class EntityCleaner:
    """``Family.clean`` of the entities family: each row's names as tags over our tokens, then as all texts."""

    known = READER.known

    def read(self, raw: str, column: str) -> str | None:
        """Tags joined by spaces, or None."""
        return _tags(raw, column)

    def __call__(
        self, table: pa.Table, mapping: Mapping[str, str] | None = None, as_of: datetime | None = None
    ) -> tuple[pa.Table, list[Rejected]]:
        """Tagged texts out of a plain file's rows.

        A column of tokens (``tokens`` or ``words``, a list or joined by spaces) is the text, and the tags are
        over those tokens. Without it the tags are over our own tokens of the text, or over its words between
        spaces; or the names are spans as JSON, ``[{"start": 0, "end": 5, "type": "person"}]``.

        Args:
            table: the file's rows, text or typed.
            mapping: our name -> column of the file, where known names do not find it.
            as_of: now, where rows are to be kept; None: they are only measured.

        Returns:
            the good rows in the order of the file, and the rejected ones with their reasons.

        Raises:
            InputError: the columns do not tell texts and tags.
        """
        chosen = resolve_columns(table.column_names, mapping, more={"text": _TOKENS, "label": _LABELS})
        lacking = [name for name in ("text", "label") if name not in chosen]
        if lacking:
            raise InputError(
                f"The file has no column of {' and of '.join(lacking)}.",
                hint=f"Its columns are: {', '.join(table.column_names)}. Texts and tags are needed.",
            )
        tokens = chosen["text"].strip().lower() in _TOKENS
        texts, labels, reasons = _aligned(table, chosen, tokens)
        good = [row for row, reason in enumerate(reasons) if not reason]
        places = pa.array(good, pa.int64())
        mended = table.take(places)
        for name, values in (("text", texts), ("label", labels)):
            at = mended.schema.get_field_index(chosen[name])
            mended = mended.set_column(at, chosen[name], pa.array([values[row] for row in good], pa.string()))
        kept, rejected = READER(mended, chosen, as_of)
        refused = [row for row, reason in enumerate(reasons) if reason]
        own = rejected_rows(table, reasons, np.array(refused, np.int64))
        # the reader counts the rows that it was given
        others = [replace(each, row=good[each.row - 1] + 1) for each in rejected]
        return kept, sorted([*own, *others], key=lambda each: each.row)


def _aligned(
    table: pa.Table, chosen: Mapping[str, str], tokens: bool
) -> tuple[list[str], list[str | None], list[list[str]]]:
    """The text of each row, the tags over our tokens, and why there are none."""
    texts, labels, reasons = [], [], []
    columns = (table[chosen[name]].to_pylist() for name in ("text", "label"))
    for said, given in zip(*columns, strict=True):
        text, raw = _joined(said), _joined(given)
        text = " ".join(text.split()) if tokens else text.strip()
        label: str | None = None
        reason: list[str] = []
        if text and raw.strip():
            try:
                label = label_of(text, raw, text if tokens else None)
            except InputError as error:
                reason.append(error.message)
            if label == "":
                reason.append("there is no token in the text")
        texts.append(text)
        labels.append(label)
        reasons.append(reason)
    return texts, labels, reasons


def _joined(value: object) -> str:
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            import json

            return json.dumps(value)
        return " ".join(map(str, value))
    return "" if value is None else str(value)
