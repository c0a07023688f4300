"""Which task runner a flow gets, and that Dask stays out of where no scheduler is set."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from config.errors import SettingsError
from config.settings import load_settings
from tasks.runner import THREADS, parts_runner


def test_without_a_scheduler_parts_are_threads_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = parts_runner().duplicate()
    assert isinstance(made, ThreadPoolTaskRunner)
    assert made._max_workers == THREADS


def test_the_runner_is_chosen_when_a_flow_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = parts_runner()
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://dask-scheduler:8786")
    monkeypatch.setattr("tasks.runner.check_scheduler", lambda _: None)

    made = declared.duplicate()

    assert (type(made).__name__, made.address) == ("DaskTaskRunner", "tcp://dask-scheduler:8786")


def test_without_a_scheduler_nothing_of_dask_is_imported() -> None:
    code = (
        "import sys, flows.collect, flows.datasets, flows.trending, flows.retrain\n"
        "flows.collect.collect_daily.task_runner.duplicate()\n"
        "print([name for name in ('dask', 'distributed', 'prefect_dask') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="DASK_SCHEDULER_ADDRESS"):
        load_settings(dask_scheduler_address="dask-scheduler:8786")
