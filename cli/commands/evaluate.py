"""`assay evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Cut(StrEnum):
    """What one table is cut by."""

    group = "group"
    time = "time"


def evaluate(
    family: Annotated[str, typer.Argument(help="Family, such as viral, ctr, recommendation or face.")],
    train: Annotated[
        Path | None,
        typer.Option(
            "--train", help="Rows to fit on: CSV (also gzipped), Parquet, or a folder of class-named folders."
        ),
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Rows to measure on.")] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="In place of both, for some families: one file, to be cut in two."),
    ] = None,
    by: Annotated[
        Cut | None, typer.Option("--by", help="Cut --table by group (default: whole groups), or by time.")
    ] = None,
    valid: Annotated[
        Path | None,
        typer.Option("--valid", help="Rows to choose and calibrate by; left out: a part of --train."),
    ] = None,
    header: Annotated[
        str | None,
        typer.Option("--header", help="NAME,NAME,...: names of the columns, for CSV files without them."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", "--column", help="NAME=COLUMN: the files' column for one of our names."),
    ] = None,
    mapping_file: Annotated[
        Path | None, typer.Option("--mapping", help="The same for many names, as NAME: COLUMN lines of YAML.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="THEIRS=OURS: what the files call one of our labels; for texts."),
    ] = None,
    horizon_days: Annotated[
        float | None,
        typer.Option(
            "--horizon-days", min=0.01, help="Days from a row to its outcome; left out: the setting's, or less."
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Pictures are cut already, or are no faces: take them as they are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit a family on plain files and measure it on held-out rows, beside baselines; no platform is needed.

    Tables may be cut by time, by video or by group, and may have different columns; --table cuts one.
    Interactions may also come as lines of a user and their items; those of --train and --valid are then the
    history of the users of --test.
    Pictures are in folders named by their class; a folder in between, as in DIR/Soft/anna/1.jpg, names the
    person, who is then on one side only.
    """
    from dataclasses import replace

    from cli.commands.importing import read_mapping
    from cli.evaluation_report import as_dictionary, print_report
    from cli.file_evaluation import evaluate_files, evaluate_table
    from cli.output import print_json, progress
    from config.errors import InputError
    from config.settings import load_settings
    from models.family import get_family
    from models.text.named import with_label_names

    settings = load_settings()
    chosen = with_label_names(get_family(family), labels or [])
    options = chosen.options(settings)
    if horizon_days is not None:
        if not hasattr(options, "with_horizon"):
            raise InputError(f"The family '{family}' has no horizon.", hint="Leave --horizon-days out.")
        options = options.with_horizon(horizon_days)
    if whole:
        if not hasattr(options, "faces"):
            raise InputError(f"The family '{family}' has no pictures.", hint="Leave --whole out.")
        options = replace(options, faces="whole")
    mapping = read_mapping(columns or [], mapping_file)
    _check(train, test, valid, table, by)
    names = [name.strip() for name in header.split(",")] if header else None
    with progress("Reading, fitting and measuring ..."):
        if table is not None:
            cut = (by or Cut.group).value
            result = evaluate_table(
                chosen, table, cut, mapping, options, seed=settings.training_seed, names=names
            )
        else:
            files = {name: path for name, path in (("train", train), ("valid", valid), ("test", test)) if path}
            result = evaluate_files(
                chosen,
                files,
                mapping,
                options,
                fixed=horizon_days is not None,
                seed=settings.training_seed,
                names=names,
            )
    if as_json:
        print_json(as_dictionary(result))
    else:
        print_report(result)


def _check(
    train: Path | None, test: Path | None, valid: Path | None, table: Path | None, by: Cut | None
) -> None:
    from config.errors import InputError

    if table is not None and (train or test or valid):
        raise InputError("--table is cut in two by itself.", hint="Leave --train, --valid and --test out.")
    if table is None and by is not None:
        raise InputError("--by says how --table is cut.", hint="Give --table, or leave --by out.")
    if table is None and not (train and test):
        raise InputError(
            "There is nothing to fit on and to measure on.",
            hint="Give --train and --test, or --table where the family cuts one.",
        )
