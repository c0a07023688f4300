"""`assay doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import NOT_WELL, print_json, print_table


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check settings and machine, and say what to mend. Exit code 1 when something must be mended."""
    from local.doctor import diagnose

    findings = diagnose()
    if as_json:
        print_json(findings)
    else:
        rows = [
            {"check": f.check, "status": f.status, "finding": f.detail + (f"\n→ {f.hint}" if f.hint else "")}
            for f in findings
        ]
        print_table(rows, ["check", "status", "finding"])
    if any(finding.status == "error" for finding in findings):
        raise typer.Exit(NOT_WELL)
