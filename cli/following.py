"""Starting a flow by the name of its deployment, and staying with it to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cli.output import NOT_WELL, err, print_fields, print_json, say

if TYPE_CHECKING:
    from config.settings import Settings
    from tasks.flow_records import FlowRun

#: what Prefect says about every run
_CHATTER = ("Running 1 deployment pull", "Executing deployment step", "Deployment step", "All deployment steps",
            "Beginning flow run", "Finished in state", "Opening process", "Process for flow run")  # fmt: skip


def run_and_report(
    settings: Settings,
    name: str,
    parameters: Mapping[str, Any],
    *,
    wait: bool,
    as_json: bool,
    well: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> int:
    """Run the deployment ``name`` for a person who looks on; the exit code. ``well`` judges the figures of a
    run that succeeded.
    """
    from dataclasses import replace

    from tasks.flow_client import FlowClient

    with FlowClient(settings) as client:
        run = client.start(name, parameters)
        say(f"Run {run.name} of {name}: {run_page(settings, run.id)}")
        if wait:
            ended = client.follow(
                run.id, on_state=_show_state, on_log=lambda line: _show_line(line.level, line.message)
            )
            run = replace(ended, deployment=name)
        summary = client.summary(run.id) if run.ended else {}
    if as_json:
        print_json({**_plain(run), "summary": summary, "url": run_page(settings, run.id)})
    elif summary:
        print_fields(summary, title=run.name)
    return NOT_WELL if run.ended and not (run.succeeded and well(summary)) else 0


def run_page(settings: Settings, run_id: str) -> str:
    """Address of a run in the Prefect UI."""
    return f"{settings.prefect_url.removesuffix('/api')}/runs/flow-run/{run_id}"


def _plain(run: FlowRun) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(run), "succeeded": run.succeeded if run.ended else None}


def _show_state(run: FlowRun) -> None:
    say(f"{run.state_name}" + (f": {run.message}" if run.message else ""))


def _show_line(level: int, message: str) -> None:
    style = "red" if level >= logging.ERROR else "yellow" if level >= logging.WARNING else "dim"
    # the first line: a traceback is on the run's page, and its last line in the state
    first = message.strip().partition("\n")[0]
    if not first.startswith(_CHATTER):
        err().print(f"  {first}", style=style, markup=False, soft_wrap=True)
