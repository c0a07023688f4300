"""`assay up`, `down`, `status`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import NOT_WELL, human_bytes, human_seconds, out, print_json, print_table, progress, say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Keep the parts' own lines off the console.")
    ] = False,
) -> None:
    """Start the platform: PostgreSQL, Prefect, a worker, MLflow and the services.

    In the foreground each line is shown behind the name of the part that wrote it; Ctrl-C stops everything.
    """
    from config.settings import load_settings

    settings = load_settings()
    if not detach:
        from local.run import supervise

        supervise(settings, lines=not quiet)
        return
    from local.stack import start_detached

    with progress("Starting ...") as update:
        platform = start_detached(settings, lambda waiting: update(f"Starting: {', '.join(waiting)} ..."))
    say("The platform is ready. `assay status` shows it, `assay down` stops it.")
    for part, url in platform.urls().items():
        out().print(f"{part:<8} {url}", markup=False)


def down() -> None:
    """Stop the platform, and end what a killed one left behind."""
    from config.settings import load_settings
    from local.stack import stop_platform

    with progress("Stopping ..."):
        stopped = stop_platform(load_settings().home)
    say("Stopped." if stopped else "Nothing was running.")


def status(as_json: Json = False) -> None:
    """Ask every part how it is. Exit code 1 when one is not well, or nothing runs."""
    from config.settings import load_settings
    from local.status import platform_status

    found = platform_status(load_settings())
    if as_json:
        print_json(found.as_dict())
    elif not found.running:
        say("Assay is not running. `assay up` starts it.")
    else:
        rows = [
            {
                "part": part.name,
                "health": part.health,
                "url": part.url,
                "pid": part.pid,
                "uptime": human_seconds(part.uptime),
                "memory": human_bytes(part.memory),
                "restarts": part.restarts,
                "detail": part.detail or None,
            }
            for part in found.parts
        ]
        columns = ["part", "health", "url", "uptime", "memory", "restarts", "pid"]
        if any(row["detail"] for row in rows):
            columns.append("detail")
        print_table(rows, columns, drop_when_narrow=("pid", "restarts"))
        total = f"{found.phase}, up {human_seconds(found.uptime)}, {human_bytes(found.memory)} in all"
        out().print(f"{total} (supervisor pid {found.pid})", markup=False)
    if not found.healthy:
        raise typer.Exit(NOT_WELL)
