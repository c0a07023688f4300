"""Flow runs that a killed worker left behind: no process of theirs lives, and nobody would say so.

A worker that dies between taking a run and starting its process leaves it pending for ever; one whose process
dies with the worker stays running for ever. Only for a Prefect of our own, whose runs are all on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import psutil

from config.settings import Settings
from local.probes import ask_json
from local.process import marked

#: The variable by which Prefect tells a process which run it is.
RUN = "PREFECT__FLOW_RUN_ID"
#: Prefect may come up beside the worker.
PATIENCE_SECONDS = 20.0


def release_lost_runs(settings: Settings, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Put runs without a process back: pending ones are scheduled again, running ones have crashed. Their ids.

    Only to be called while no worker runs. A pending run whose process lives is waited for: it begins, or ends
    with the worker that started it. Never raises; while Prefect is away nothing is done.
    """
    if settings.prefect_api_url:
        return []
    released: list[str] = []
    deadline = time.monotonic() + patience
    while True:
        found = _open_runs(settings, patience)
        living = _living(str(settings.home)) if found else frozenset[str]()
        released += [run["id"] for run in found if run["id"] not in living and _put_back(settings, run)]
        beginning = [run for run in found if run["id"] in living and run["state_type"] == "PENDING"]
        if not beginning or time.monotonic() >= deadline:
            return released
        time.sleep(0.5)


def _open_runs(settings: Settings, patience: float) -> list[dict[str, Any]]:
    body = {
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}},
        "work_pools": {"name": {"any_": [settings.prefect_work_pool]}},
        "limit": 200,
    }
    deadline = time.monotonic() + patience
    while True:
        found = ask_json(f"{settings.prefect_url}/flow_runs/filter", body)
        if isinstance(found, list):
            return found
        if time.monotonic() >= deadline:
            return []
        time.sleep(0.5)


def _living(home: str) -> Collection[str]:
    """Ids of the runs that have a process."""
    ids = set()
    for process in marked(home, "worker"):
        try:
            ids.add(process.environ().get(RUN, ""))
        except psutil.Error:
            continue
    return ids


def _put_back(settings: Settings, run: dict[str, Any]) -> bool:
    if run["state_type"] == "PENDING":
        now = datetime.now(UTC).isoformat()
        state: dict[str, Any] = {"type": "SCHEDULED", "state_details": {"scheduled_time": now}}
        state["message"] = "The worker that had taken it was gone before it began."
    else:
        state = {"type": "CRASHED", "message": "Its process and its worker were gone."}
    answer = ask_json(
        f"{settings.prefect_url}/flow_runs/{run['id']}/set_state", {"state": state, "force": True}
    )
    return answer is not None
