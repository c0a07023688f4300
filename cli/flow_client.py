"""Running a flow from the command line, to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from config.errors import FlowError
from config.settings import Settings
from tasks.flow_client import FlowClient
from tasks.flow_records import FlowRun, LogLine


def run_flow(
    settings: Settings,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    on_state: Callable[[FlowRun], None] = lambda _run: None,
    on_log: Callable[[LogLine], None] | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Run deployment ``name`` now and wait for its end; gives the figures that it left.

    Raises:
        FlowError: there is no such deployment, the run failed (with its reason), or Prefect is away.
    """
    with FlowClient(settings) as client:
        run = client.start(name, parameters)
        run = client.follow(run.id, on_state=on_state, on_log=on_log, timeout=timeout)
        if not run.succeeded:
            raise FlowError(
                f"The run '{run.name}' of {name} ended as {run.state_name}: {run.message or 'no reason given'}",
                hint="Its log is in the Prefect UI.",
            )
        return client.summary(run.id)
