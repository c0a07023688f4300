"""What runs tell of themselves: their ids in each line of the log, and a span for each of their tasks.

The trace of a flow run has the run's own id, so that whoever has one finds the other, and tasks in other
processes are in it without being told. Prefect's own spans want a provider that is set before a run begins,
and its processes give no place to set one.
"""

from __future__ import annotations

import atexit
import functools
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from config.log import JsonFormatter
from config.once import once
from config.settings import load_settings
from config.tracing import Tracing, start_tracing

FLOWS = "flows"

P = ParamSpec("P")
R = TypeVar("R")


def run_context() -> dict[str, str]:
    """Ids and names of the flow run and the task run that this thread works on, as far as there are any."""
    prefect: Any = sys.modules.get("prefect.context")
    if prefect is None:
        return {}
    found: dict[str, str] = {}
    flow, task = prefect.FlowRunContext.get(), prefect.TaskRunContext.get()
    if flow is not None and flow.flow_run is not None:
        found |= {"flow_run_id": str(flow.flow_run.id), "flow_run_name": flow.flow_run.name}
    if task is not None:
        found |= {"task_run_id": str(task.task_run.id), "task_run_name": task.task_run.name}
        if task.task_run.flow_run_id is not None:
            found.setdefault("flow_run_id", str(task.task_run.flow_run_id))
    return found


def flow_formatter() -> JsonFormatter:
    """The formatter of flow runs; ``run_logging.yml`` names it."""
    return JsonFormatter(FLOWS, run_context)


def flow_traceparent(flow_run_id: str) -> str:
    """The span that tasks of a flow run hang on: trace and span are the run's id and its second half."""
    identity = UUID(flow_run_id).hex
    return f"00-{identity}-{identity[16:]}-01"


def spanned(name: str, service: str = FLOWS) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function that is a span of ``service`` each time it is called, where traces are on."""

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(work)
        def observed(*args: P.args, **kwargs: P.kwargs) -> R:
            tracing = process_tracing(service)
            if tracing is None:
                return work(*args, **kwargs)
            context = run_context()
            flow = context.get("flow_run_id")
            attributes = {f"assay.{key}": value for key, value in context.items()}
            with tracing.work(name, flow_traceparent(flow) if flow else None, attributes):
                return work(*args, **kwargs)

        return observed

    return decorate


@once
def process_tracing(service: str) -> Tracing | None:
    """The tracing of this process, begun when it is first wanted; what is left is sent at its end."""
    tracing = start_tracing(load_settings(), service)
    if tracing is not None:
        atexit.register(tracing.stop)
    return tracing
