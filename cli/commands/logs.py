"""`assay logs`."""

from __future__ import annotations

from typing import Annotated

import typer


def logs(
    part: Annotated[
        str | None, typer.Argument(help="A part, such as worker; all of them when left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing new lines.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the last lines of a part's log, or of every part's."""
    import sys

    from config.errors import InputError
    from config.settings import load_settings
    from local.console import Console
    from local.logfiles import follow as follow_files
    from local.logfiles import tail

    folder = load_settings().home / "logs"
    there = {path.name.removesuffix(".log"): path for path in sorted(folder.glob("*.log"))}
    if part is not None and part not in there:
        raise InputError(
            f"There is no log of '{part}' in {folder}.",
            hint=f"Logs: {', '.join(there)}." if there else "Nothing has been started here yet: `assay up`.",
        )
    chosen = there if part is None else {part: there[part]}
    console = Console(sys.stdout, chosen)
    show = console.line if part is None else lambda _, line: sys.stdout.write(line + "\n")
    for name, path in chosen.items():
        for line in tail(path, lines):
            show(name, line)
    sys.stdout.flush()
    if follow:
        try:
            for name, line in follow_files(chosen):
                show(name, line)
                sys.stdout.flush()
        except KeyboardInterrupt:
            raise typer.Exit from None
