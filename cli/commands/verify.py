"""`assay verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import NOT_WELL, human_bytes, print_json, print_table, progress, say


def verify(
    family: Annotated[list[str] | None, typer.Argument(help="Only these families.")] = None,
    models: Annotated[bool, typer.Option(help="Read the models of MLflow too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every published dataset version and model, check SHA-256s and lineage, and name what is wrong.

    Nothing is changed. Exit code 1 when something is missing or altered.
    """
    from config.settings import load_settings
    from models.family import get_family
    from tasks.audit import audit
    from tasks.platform import Platform

    for name in family or []:
        get_family(name)
    parts = Platform(load_settings())
    try:
        with progress("Reading ...") as show:
            found = audit(parts, family or [], models=models, told=lambda name: show(f"Reading {name} ..."))
    finally:
        parts.close()
    if as_json:
        print_json(found)
    else:
        read = f"{found.versions:,} dataset versions ({found.parts:,} parts, {human_bytes(found.bytes)})"
        gone = [(found.erased, "erased"), (found.retired, "deleted by retention")]
        erased = "".join(f", {count:,} of them {how}" for count, how in gone if count)
        also = f" and {found.models:,} models" if models else ""
        if found.faults:
            rows = [
                {"what": f.what, "problem": f.problem + (f"\n→ {f.hint}" if f.hint else "")}
                for f in found.faults
            ]
            print_table(rows, ["what", "problem"])
        ended = f"{len(found.faults):,} faults" if found.faults else "all as published"
        say(f"Read {read}{erased}{also}: {ended}.")
    if found.faults:
        raise typer.Exit(NOT_WELL)
