"""Where the parts of a flow run: on Dask workers where a scheduler is set, in threads here otherwise.

The choice is made when a flow starts, by the settings as they are then: one deployment serves both, and
without an address nothing of Dask is imported.
"""

from __future__ import annotations

from typing import Any, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from config.errors import ClusterUnavailable
from config.settings import load_settings

#: A part holds the rows of a day or a month and up to three connections to the database; PostgreSQL's own
#: default is 100 connections for everybody. On Dask the workers' threads are the bound.
THREADS = 4
#: A scheduler that is there answers at once.
CONNECT_SECONDS = 10


def parts_runner() -> TaskRunner[PrefectFuture[Any]]:
    """What a flow that fans out is declared with."""
    return cast("TaskRunner[PrefectFuture[Any]]", _ChosenRunner(max_workers=THREADS))


class _ChosenRunner(ThreadPoolTaskRunner[Any]):
    """Becomes the runner of the settings when a flow starts: Prefect duplicates it then."""

    def duplicate(self) -> Any:
        """The runner of one flow run.

        Raises:
            ClusterUnavailable: a scheduler is set, and does not answer.
        """
        address = load_settings().dask_scheduler_address
        return ThreadPoolTaskRunner(max_workers=THREADS) if address is None else dask_runner(address)


def dask_runner(address: str) -> TaskRunner[Any]:
    """Runs parts on the workers of the scheduler at ``address``. Raises ClusterUnavailable."""
    from prefect_dask.task_runners import DaskTaskRunner

    check_scheduler(address)
    return DaskTaskRunner(address=address, client_kwargs={"timeout": CONNECT_SECONDS})


def check_scheduler(address: str) -> None:
    """See that the scheduler answers and has workers, so that a run says what is missing and does not hang.

    Raises:
        ClusterUnavailable: it does not, or has none.
    """
    from distributed import Client

    try:
        make: Any = Client
        with make(address, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            workers = len(client.scheduler_info(n_workers=-1)["workers"])
    except (OSError, ValueError) as error:
        raise ClusterUnavailable(
            f"The Dask scheduler at {address} does not answer: {error}",
            hint="Start it, or unset DASK_SCHEDULER_ADDRESS to run in threads.",
        ) from None
    if not workers:
        raise ClusterUnavailable(
            f"The Dask scheduler at {address} has no workers.",
            hint="Start `dask worker` with this platform's environment, or unset DASK_SCHEDULER_ADDRESS.",
        )
