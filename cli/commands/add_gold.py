"""`assay datasets add`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import print_json, print_table, progress, say

if TYPE_CHECKING:
    from tasks.gold import GoldReport

#: files named for each reason
_NAMED = 3


def add(
    stage: Annotated[str, typer.Argument(help="gold: the base set whose classes a person has given.")],
    family: Annotated[str, typer.Argument(help="Family with pictures, or of texts: face, moderation.")],
    folder: Annotated[
        Path,
        typer.Argument(
            help="Has a folder for each class: DIR/Soft/1.jpg, or DIR/Soft/anna/1.jpg. For texts a table:"
            " CSV or Parquet."
        ),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="The folder takes the place of the gold set that is there.")
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", "--column", help="NAME=COLUMN: the table's column for one of our names."),
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", help="THEIRS=OURS: what the table calls one of our labels.")
    ] = None,
    header: Annotated[
        str | None, typer.Option("--header", help="NAME,NAME,...: names of the columns, for CSV without them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every file left out.")] = False,
) -> None:
    """Add a folder of class-named folders, or a table of labelled texts, to the gold set.

    A folder below the class names the person, whose photos are then on one side of the split.

    Equal bytes or texts are added once, and adding the same again changes nothing.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from cli.commands.importing import read_mapping
    from config.errors import InputError
    from config.settings import load_settings
    from models.family import get_family
    from models.text.named import with_label_names
    from tasks.gold import add_gold
    from tasks.gold_texts import add_gold_texts, takes_texts
    from tasks.platform import Platform

    if stage != "gold":
        raise InputError(
            f"Nothing is added to '{stage}' by hand.", hint="assay datasets add gold " + f"{family} {folder}"
        )
    parts = Platform(load_settings())
    try:
        with progress(f"Reading {folder} ...") as show:
            if takes_texts(family):
                report = add_gold_texts(
                    parts, with_label_names(get_family(family), labels or []), folder, at=datetime.now(UTC),
                    run_id="assay datasets add", replace_all=replace, mapping=read_mapping(columns or [], None),
                    names=[name.strip() for name in header.split(",")] if header else None,
                )  # fmt: skip
            else:
                report = add_gold(
                    parts, family, folder, at=datetime.now(UTC), run_id="assay datasets add", replace=replace,
                    on_file=lambda files: show(f"Looked at {files:,} files of {folder.name} ..."),
                )  # fmt: skip
    finally:
        parts.close()
    if as_json:
        print_json(asdict(report))
        return
    _print(report, "rows" if takes_texts(family) else "files")


def _print(report: GoldReport, unit: str) -> None:
    from collections import defaultdict

    rows = [
        {"class": name, "added": report.added[name], "gold now": count}
        for name, count in report.classes.items()
    ]
    state = "new" if report.new else "unchanged"
    print_table(rows, ["class", "added", "gold now"], title=f"{report.dataset} ({state})")
    by_reason = defaultdict(list)
    for one in report.left_out:
        by_reason[one.reason].append(one.name)
    if by_reason:
        left = [
            {unit: len(names), "left out because": reason, "such as": ", ".join(names[:_NAMED])}
            for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1]))
        ]
        print_table(left, [unit, "left out because", "such as"])
    say(f"{report.files:,} {unit}: {report.added.total():,} added, {report.known:,} were gold already.")
    if report.removed:
        say(f"{report.removed:,} are gold no more.")
    if report.without_face:
        say(f"{report.without_face:,} of them show no face that was found, and are taken whole.")
    if report.alike:
        say(f"{report.alike:,} of them look like another one, and are taken to be of the same person.")
