"""`assay flows`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from cli.output import print_json, print_table

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The flows and their schedules; run one now, or for a past day.",
)


@app.command("list")
def list_flows(as_json: Json = False) -> None:
    """Every deployment, when it runs (UTC), and how its latest run went."""
    from config.settings import load_settings
    from tasks.flow_client import FlowClient

    with FlowClient(load_settings()) as client:
        rows = [_row(one, client.runs(one.name, limit=1)) for one in client.deployments()]
    if as_json:
        print_json(rows)
        return
    shown = [
        {
            **row,
            "cron_(UTC)": row["cron"] or "by hand",
            "state": row["latest_state"],
            "latest": row["latest_at"],
        }
        for row in rows
    ]
    print_table(shown, ["deployment", "cron_(UTC)", "paused", "state", "latest"], drop_when_narrow=("paused",))


@app.command()
def runs(
    name: Annotated[str | None, typer.Argument(help="Only of this deployment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Recent runs, the latest first."""
    from config.settings import load_settings
    from tasks.flow_client import FlowClient

    with FlowClient(load_settings()) as client:
        found = client.runs(name, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        {"run": r.name, "deployment": r.deployment, "state": r.state_name, "started": r.started_at}
        for r in found
    ]
    print_table(rows, ["run", "deployment", "state", "started"], empty="Nothing has run yet.")


@app.command()
def run(
    name: Annotated[
        str, typer.Argument(help="Deployment, such as collect-daily; `assay flows list` shows them.")
    ],
    day: Annotated[str | None, typer.Option("--date", help="For this day (YYYY-MM-DD).")] = None,
    until: Annotated[str | None, typer.Option(help="With --date: up to and including this day.")] = None,
    month: Annotated[str | None, typer.Option(help="For this month (YYYY-MM).")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE; may be repeated.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return at once.")] = False,
    as_json: Json = False,
) -> None:
    """Run a flow now and follow it to its end. Exit code 1 when it does not end well."""
    from cli.following import run_and_report
    from config.settings import load_settings

    parameters = run_parameters(day, until, month, param or [])
    code = run_and_report(load_settings(), name, parameters, wait=not no_wait, as_json=as_json)
    raise typer.Exit(code)


def run_parameters(day: str | None, until: str | None, month: str | None, pairs: list[str]) -> dict[str, Any]:
    """The parameters of a run out of the options.

    Raises:
        InputError: a date, a month or a pair is malformed, or a span is backwards.
    """
    from cli.commands.predict import parse_value
    from config.errors import InputError

    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"'{pair}' is not NAME=VALUE.")
        found[name] = parse_value(value)
    if until and not day:
        raise InputError("--until goes with --date.")
    if day:
        found["date"] = _day("--date", day)
    if until:
        found["until"] = _day("--until", until)
        if found["until"] < found["date"]:
            raise InputError(f"--until {until} is before --date {day}.")
    if month:
        _day("--month", f"{month}-01", shown=month, form="YYYY-MM")
        found["month"] = month
    return found


def _day(option: str, text: str, *, shown: str | None = None, form: str = "YYYY-MM-DD") -> str:
    from config.errors import InputError

    try:
        if len(text) != len("2026-01-01"):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InputError(f"{option} {shown or text} is not {form}.") from None


def _row(deployment: Any, latest: list[Any]) -> dict[str, Any]:
    return {
        "deployment": deployment.name,
        "cron": deployment.cron,
        "paused": deployment.paused,
        "description": deployment.description,
        "parameters": deployment.parameters,
        "latest_state": latest[0].state_name if latest else None,
        "latest_at": latest[0].scheduled_for if latest else None,
    }
