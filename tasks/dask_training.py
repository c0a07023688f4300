"""The heavy steps of a fit on Dask workers: features in parts, and trees by LightGBM's own Dask estimator.

LightGBM's data-parallel learner grows one forest over all workers: each counts its own rows' histograms, and
their sums decide the splits (Meng et al. 2016, "A communication-efficient parallel algorithm for decision
tree"). Bins of a feature come from one worker's rows, and each worker draws its own sample of rows, so that
the trees are not those of one machine; docs/guides/dask.md says how close they are.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from config.errors import ClusterUnavailable
from config.settings import Settings
from models.machines import Machines, ThisMachine, TreeRows, refused, steady
from tasks.runner import CONNECT_SECONDS, check_scheduler

if TYPE_CHECKING:
    from distributed import Client

#: Rows of one part: some 100 MB of features, small enough to move and large enough to be worth it.
PART_ROWS = 250_000
#: LightGBM's workers wait so long for one that says nothing; its own default is two hours.
WAIT_MINUTES = 10
LOOK_SECONDS = 2.0
#: Addresses of the machines that a forest was grown on have no place in its file.
_NETWORK = re.compile(r"^\[(?:machines|local_listen_port): .*\]\n", re.MULTILINE)


@contextmanager
def machines_for(rows: int, settings: Settings) -> Iterator[Machines]:
    """Where a fit of so many rows is done: on the scheduler's workers past ``lightgbm_dask_rows``, else here.

    Raises:
        ClusterUnavailable: the scheduler does not answer, has no workers, or lost one while it trained.
    """
    address = settings.dask_scheduler_address
    if address is None or rows <= settings.lightgbm_dask_rows:
        yield ThisMachine()
        return
    from distributed import Client

    check_scheduler(address)
    make: Any = Client
    with make(address, timeout=CONNECT_SECONDS, set_as_default=False) as client:
        yield DaskMachines(client)


class DaskMachines:
    """Does the heavy steps of a fit on the workers of ``client``; features of ``part_rows`` at a time."""

    def __init__(self, client: Client, part_rows: int = PART_ROWS) -> None:
        self._client: Any = client
        self._part_rows = part_rows

    def features(self, make: Callable[[pa.Table], np.ndarray], rows: pa.Table) -> np.ndarray:
        """``make`` of each part of ``rows``, put together; the same as that of all rows at once."""
        parts = [rows.slice(start, self._part_rows) for start in range(0, rows.num_rows, self._part_rows)]
        if len(parts) < 2:
            return make(rows)
        futures = self._client.map(make, parts, pure=False)
        return np.vstack(self._client.gather(futures))

    def grow(self, rows: TreeRows, settings: Mapping[str, Any], trees: int) -> Any:
        """A booster grown on all workers together.

        Raises:
            TrainingError: LightGBM refuses a value.
            ClusterUnavailable: a worker was lost.
        """
        import lightgbm

        model = lightgbm.DaskLGBMRegressor(
            n_estimators=trees,
            client=self._client,
            tree_learner="data",
            time_out=WAIT_MINUTES,
            **steady(settings),
        )
        workers = self._workers()
        try:
            self._attended(lambda: self._fit(model, rows, workers), workers)
        except (lightgbm.basic.LightGBMError, TypeError, ValueError) as error:
            raise refused(error) from None
        return lightgbm.Booster(model_str=_NETWORK.sub("", model.booster_.model_to_string()))

    def _fit(self, model: Any, rows: TreeRows, workers: Sequence[str]) -> None:
        also = {"sample_weight": rows.weights, "init_score": rows.start}
        # the estimator asks for the thread's current client too
        with self._client.as_current(), warnings.catch_warnings():
            # LightGBM's own, about its own default
            warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored")
            model.fit(
                self._spread(rows.matrix, workers),
                self._spread(rows.target, workers),
                feature_name=list(rows.names),
                **{name: self._spread(each, workers) for name, each in also.items() if each is not None},
            )

    def _attended(self, work: Callable[[], None], workers: Sequence[str]) -> None:
        """Do ``work`` while all ``workers`` are there: left alone, it would wait for a lost one for ever."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                work()
                done.set_result(None)
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                done.set_exception(error)

        threading.Thread(target=run, name="grow", daemon=True).start()
        ended = False
        while not ended:
            ended = bool(wait([done], timeout=LOOK_SECONDS).done)
            failed = ended and done.exception() is not None
            if (failed or not ended) and (lost := set(workers) - set(self._workers())):
                raise ClusterUnavailable(
                    f"A Dask worker was lost while it grew trees: {', '.join(sorted(lost))}.",
                    hint="Run the training again.",
                )
        done.result()

    def _workers(self) -> list[str]:
        return sorted(self._client.scheduler_info(n_workers=-1)["workers"])

    def _spread(self, values: np.ndarray, workers: Sequence[str]) -> Any:
        """``values`` as a Dask array of one part a worker: rows that go together lie on the same one."""
        import dask.array

        arrays: Any = dask.array
        parts = []
        for worker, part in zip(workers, np.array_split(values, len(workers)), strict=True):
            held = self._client.scatter(np.ascontiguousarray(part), workers=[worker], hash=False)
            parts.append(arrays.from_delayed(held, part.shape, part.dtype))
        return arrays.concatenate(parts)
