"""`assay train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from config.settings import Settings


def train(
    family: Annotated[str, typer.Argument(help="Family, such as viral.")],
    dataset: Annotated[
        str | None, typer.Option(help="Dataset version; the latest full one when left out.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Learn from this many of the most recent rows only.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote past the gate; the history says so.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="In this process, not by the worker (for a debugger).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a challenger now, and promote it if it passes the gate. Exit code 1 when the run fails."""
    from cli.following import run_and_report
    from config.settings import apply_tool_environment, load_settings
    from models.family import get_family

    settings = load_settings()
    get_family(family)
    chosen = {"dataset": dataset, "limit": limit, "force": force}
    if not here:
        parameters = {name: value for name, value in chosen.items() if value}
        code = run_and_report(settings, f"retrain-{family}", parameters, wait=True, as_json=as_json)
        raise typer.Exit(code)
    apply_tool_environment(settings)
    _train_here(settings, family, chosen, as_json)


def _train_here(settings: Settings, family: str, chosen: dict[str, Any], as_json: bool) -> None:
    import asyncio

    from cli.output import print_fields, print_json
    from config.errors import PlatformError
    from flows.retrain import retrain
    from local.probes import answers_http

    if not answers_http(f"{settings.prefect_url}/health"):
        raise PlatformError(f"Prefect at {settings.prefect_url} does not answer.", hint="`assay up` starts it.")
    summary = asyncio.run(retrain(family, **chosen))
    if as_json:
        print_json(summary)
    else:
        print_fields(summary)
