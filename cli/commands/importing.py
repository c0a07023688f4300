"""`assay import`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import print_fields, print_json, progress, say


def import_(
    family: Annotated[str, typer.Argument(help="Family, such as viral.")],
    file: Annotated[Path, typer.Argument(help="CSV (also gzipped) or Parquet.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", "--column", help="NAME=COLUMN: the file's column for one of our names."),
    ] = None,
    mapping_file: Annotated[
        Path | None, typer.Option("--mapping", help="The same for many names, as NAME: COLUMN lines of YAML.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="THEIRS=OURS: what the file calls one of our labels; for texts."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected rows go, with reasons; FILE.rejected.csv when left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and load none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a file's rows, load the good ones, and set the bad ones aside with the reason for each.

    Importing a file again changes nothing.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from config.settings import load_settings
    from models.family import get_family
    from models.text.named import with_label_names
    from storage.database import make_engine
    from tasks.importing import import_file

    mapping = read_mapping(columns or [], mapping_file)
    chosen = with_label_names(get_family(family), labels or [])
    engine = make_engine(load_settings())
    try:
        with progress(f"Reading {file.name} ...") as show:
            result = import_file(
                engine, chosen, file, mapping or None, datetime.now(UTC), rejects,
                dry_run=dry_run, on_rows=lambda rows: show(f"Checked {rows:,} rows of {file.name} ..."),
            )  # fmt: skip
    finally:
        engine.dispose()
    if as_json:
        print_json(result)
        return
    counts = asdict(result)
    print_fields({name: counts[name] for name in counts if name not in ("rejects_file", "dry_run")})
    if dry_run:
        say("Nothing was loaded: this was a dry run.")
    if result.rejects_file:
        say(set_aside(result.rejected, result.rejects_file))


def set_aside(rows: int, file: Path) -> str:
    """Where rejected rows are, in one sentence."""
    if rows == 1:
        return f"1 row was set aside in {file}, with its reason."
    return f"{rows:,} rows were set aside in {file}, each with its reason."


def read_mapping(pairs: list[str], file: Path | None) -> dict[str, str]:
    """Our name -> the file's column, out of a YAML file and of NAME=COLUMN pairs, which come first.

    Raises:
        InputError: a pair or the file is not of that form.
    """
    from config.errors import InputError

    mapping = _read_yaml(file) if file else {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise InputError(f"'{pair}' is not NAME=COLUMN.", hint="Such as --map views=view_count.")
        mapping[name.strip()] = column.strip()
    return mapping


def _read_yaml(file: Path) -> dict[str, str]:
    import yaml

    from config.errors import InputError

    try:
        found: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The mapping {file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        found = None
    if not isinstance(found, Mapping) or not all(isinstance(column, str) for column in found.values()):
        raise InputError(
            f"The mapping {file} is not YAML of lines NAME: COLUMN.", hint="Such as views: view_count"
        )
    return {str(name): column for name, column in found.items()}
