"""Adding to a text family's gold set out of a table of labelled texts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError
from models.family import Family
from models.text.examples import TextExamples, folded_hashes
from models.text.schema import EXAMPLE_SCHEMA
from storage.datasets.manifest import Manifest
from storage.erasure import is_erased, rows_guard
from storage.text_bulk import TEXT_FAMILIES
from tasks.gold import MADE_BY, PERIOD, GoldReport, LeftOut
from tasks.plain_files import read_chunks
from tasks.platform import Platform
from tasks.versions import publish_and_record

GOLD = "gold"


def takes_texts(family: str) -> bool:
    """Whether gold of ``family`` comes as a table of texts."""
    return family in TEXT_FAMILIES


def add_gold_texts(
    parts: Platform,
    family: Family,
    path: Path,
    *,
    at: dt.datetime,
    run_id: str,
    replace_all: bool = False,
    mapping: Mapping[str, str] | None = None,
    names: list[str] | None = None,
) -> GoldReport:
    """Publish ``gold/base`` with the texts of ``path`` beside those that are there.

    Texts that are equal but for case, spacing and disguise are one: the first that came stays, and one with
    another label is named in the report. Adding the same table again changes nothing.

    Args:
        parts: the platform.
        family: a family of texts (see :func:`takes_texts`).
        path: CSV (also gzipped) or Parquet with texts and labels.
        at: when they were added.
        run_id: who runs.
        replace_all: the table takes the place of the gold that is there.
        mapping: our name -> the file's column.
        names: of the columns, for a CSV file that begins without them.

    Raises:
        InputError: the family takes no texts, the file cannot be read, or has no good row.
        StoreError, DatabaseUnavailable: nothing is published; run it again.
    """
    if not takes_texts(family.name):
        raise InputError(
            f"Gold of '{family.name}' is not added from a table.", hint=f"Families: {', '.join(TEXT_FAMILIES)}."
        )
    report = GoldReport()
    with rows_guard(parts.engine, family.name):
        fresh = _read(parts, family, path, at, mapping, names, report)
        there = parts.datasets.latest(family.name, GOLD)
        before = EXAMPLE_SCHEMA.empty_table() if there is None else parts.datasets.table(there)
        kept = before.slice(0, 0) if replace_all else before
        table = pa.concat_tables([kept, _new(fresh, kept, before, report)])
        if not table.num_rows:
            reasons = ", ".join(dict.fromkeys(one.reason for one in report.left_out)) or "it has no row"
            raise InputError(f"Nothing in {path} can be gold: {reasons}.")
        table = table.sort_by("text_id").combine_chunks()
        published = publish_and_record(
            parts, at=at, run_id=run_id, family=family.name, stage=GOLD, period=PERIOD, schema=family.schema,
            batches=table.to_batches(), made_by=MADE_BY, label=family.label, split="split", workers=1,
        )  # fmt: skip
    manifest: Manifest = published.manifest
    report.new, report.dataset, report.classes = published.created, manifest.ref.name, dict(manifest.classes)
    if replace_all:
        ids = set(table["text_id"].to_pylist())
        report.removed = sum(one not in ids for one in before["text_id"].to_pylist())
    return report


def _read(
    parts: Platform,
    family: Family,
    path: Path,
    at: dt.datetime,
    mapping: Mapping[str, str] | None,
    names: list[str] | None,
    report: GoldReport,
) -> pa.Table:
    """The file's good rows as examples; the others are named in the report, and so are those of people who were
    forgotten.
    """
    tables = []
    for chunk in read_chunks(path, names=names):
        good, bad = family.clean(chunk.table, mapping, at)
        report.files += chunk.rows
        numbered = [replace(each, row=chunk.numbers[each.row - 1]) for each in bad]
        report.left_out += [LeftOut(f"row {each.row}", each.reason) for each in (*chunk.broken, *numbered)]
        tables.append(good)
    rows = pa.concat_tables(tables)
    people = pc.unique(rows["user_id"].drop_null()).to_pylist()
    erased = is_erased(parts.engine, parts.settings, people)
    if erased:
        theirs = pc.fill_null(pc.is_in(rows["user_id"], value_set=pa.array(sorted(erased), pa.string())), False)
        for text_id in rows.filter(theirs)["text_id"].to_pylist():
            report.left_out.append(LeftOut(str(text_id), "of a forgotten person"))
        rows = rows.filter(pc.invert(theirs))
    examples = TextExamples(salt=family.name).examples(rows)
    place = examples.schema.get_field_index("source")
    return examples.set_column(
        place, EXAMPLE_SCHEMA.field("source"), pa.array([GOLD] * examples.num_rows, pa.string())
    )


def _new(fresh: pa.Table, kept: pa.Table, before: pa.Table, report: GoldReport) -> pa.Table:
    """The rows of ``fresh`` that are not gold yet, called by the hash of what they say."""
    hashes = folded_hashes(fresh["text"].to_pylist())
    labels = fresh["label"].to_pylist()
    gold = _by_hash(kept)
    times = dict(zip(before["text_id"].to_pylist(), before["at"].to_pylist(), strict=True))
    taken: dict[str, str] = {}
    chosen: list[int] = []
    for row, (said, label) in enumerate(zip(hashes, labels, strict=True)):
        name = f"{fresh['text_id'][row].as_py()}"
        if said in gold:
            if gold[said] == label:
                report.known += 1
            else:
                report.left_out.append(LeftOut(name, f"gold already, as {gold[said]}"))
        elif said in taken:
            where = "" if taken[said] == label else f", which is {taken[said]}"
            report.left_out.append(LeftOut(name, f"the same text as an earlier row{where}"))
        else:
            taken[said] = label
            chosen.append(row)
            report.added[label] += 1
    rows = fresh.take(pa.array(chosen, pa.int64()))
    ids = [f"gold/{hashes[row]}" for row in chosen]
    found = {name: rows[name] for name in rows.column_names}
    moments = [times.get(one, at) for one, at in zip(ids, rows["at"].to_pylist(), strict=True)]
    found["text_id"] = pa.chunked_array([pa.array(ids, pa.string())])
    found["at"] = pa.chunked_array([pa.array(moments, EXAMPLE_SCHEMA.field("at").type)])
    found["labelled_at"] = found["at"]
    return pa.table([found[field.name] for field in EXAMPLE_SCHEMA], schema=EXAMPLE_SCHEMA)


def _by_hash(gold: pa.Table) -> dict[str, str]:
    """The label of each gold text, by the hash that its id has."""
    ids = [one.removeprefix("gold/") for one in gold["text_id"].to_pylist()]
    return dict(zip(ids, gold["label"].to_pylist(), strict=True))
