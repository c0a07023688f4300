"""Fits on two worker processes of a real Dask cluster, beside the same fits on this machine alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.errors import ClusterUnavailable, TrainingError
from config.settings import load_settings
from models.machines import ThisMachine, TreeRows
from models.viral import FAMILY
from models.viral.features import feature_matrix
from models.viral.options import options_from_settings
from tasks.dask_training import DaskMachines, machines_for
from tests.dask_cluster import Cluster, cluster
from tests.viral_world import QUICK, roles

PART_ROWS = 500


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("dask"), {}) as running:
        yield running


@pytest.fixture
def machines(dask: Cluster) -> Iterator[DaskMachines]:
    from distributed import Client

    make: Any = Client
    with make(dask.address, set_as_default=False) as client:
        yield DaskMachines(client, PART_ROWS)


def test_features_made_in_parts_on_workers_are_those_of_one_machine(machines: DaskMachines) -> None:
    train, _, _ = roles()
    assert train.num_rows > 2 * PART_ROWS

    made = machines.features(feature_matrix, train)

    np.testing.assert_array_equal(made, feature_matrix(train))


def test_a_model_grown_on_two_workers_is_as_good_as_that_of_one_machine(machines: DaskMachines) -> None:
    train, valid, test = roles()
    options = options_from_settings(load_settings())

    alone = FAMILY.fit(train, valid, options, QUICK, 7)
    spread = FAMILY.fit(train, valid, options, QUICK, 7, machines=machines)

    one, two = (FAMILY.evaluate(each, test, options, 7).metrics for each in (alone, spread))
    assert two["log_loss"] == pytest.approx(one["log_loss"], rel=0.15)
    assert two["accuracy"] == pytest.approx(one["accuracy"], abs=0.06)
    assert b"127.0.0.1" not in b"".join(spread.to_files().values())


def weighted(rows: int) -> TreeRows:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(rows, 6))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    chance = 1 / (1 + np.exp(-np.nan_to_num(matrix[:, 0] + matrix[:, 1] * matrix[:, 2])))
    return TreeRows(matrix, chance, tuple("abcdef"), rng.uniform(0.5, 2, rows), np.full(rows, 0.2))


def cross_entropy(chance: np.ndarray, found: np.ndarray) -> float:
    found = 1 / (1 + np.exp(-found))
    return float(-(chance * np.log(found) + (1 - chance) * np.log(1 - found)).mean())


CTR_SETTINGS = {
    "objective": "cross_entropy", "boost_from_average": False, "seed": 7, "learning_rate": 0.1,
    "num_leaves": 12, "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.8, "trees": 60,
}  # fmt: skip


def test_weights_and_beginnings_of_rows_reach_the_workers(machines: DaskMachines) -> None:
    learn, held = weighted(6000), weighted(2000)

    one = ThisMachine().grow(learn, CTR_SETTINGS, 60)
    two = machines.grow(learn, CTR_SETTINGS, 60)

    base, alone, spread = (
        cross_entropy(held.target, 0.2 + added)
        for added in (0, *(each.predict(held.matrix, raw_score=True) for each in (one, two)))
    )
    assert spread == pytest.approx(alone, rel=0.02)
    assert spread < base - 10 * abs(spread - alone)
    assert two.feature_name() == list(learn.names)


def test_a_value_that_lightgbm_refuses_is_a_clear_error(machines: DaskMachines) -> None:
    with pytest.raises(TrainingError, match="LightGBM refuses to train"):
        machines.grow(weighted(1000), CTR_SETTINGS | {"num_leaves": 1}, 5)


def test_a_worker_that_is_lost_while_trees_grow_is_named(tmp_path: Path) -> None:
    from distributed import Client

    make: Any = Client
    with cluster(tmp_path, {}) as running, make(running.address, set_as_default=False) as client:

        def kill() -> None:
            while not all("[LightGBM]" in log.read_text() for log in running.logs):
                time.sleep(0.1)
            running.kill_one()

        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(ClusterUnavailable, match=r"lost while it grew trees: tcp://127\.0\.0\.1"):
            DaskMachines(client).grow(weighted(50_000), CTR_SETTINGS, 5_000)


def test_only_past_the_row_count_a_fit_leaves_this_machine(dask: Cluster) -> None:
    settings = load_settings(dask_scheduler_address=dask.address, lightgbm_dask_rows=100)
    with machines_for(100, settings) as few, machines_for(101, settings) as many:
        assert isinstance(few, ThisMachine)
        assert isinstance(many, DaskMachines)
    with machines_for(10**9, load_settings()) as unset:
        assert isinstance(unset, ThisMachine)


def test_a_scheduler_that_is_away_is_named(tmp_path: Path) -> None:
    settings = load_settings(dask_scheduler_address="tcp://127.0.0.1:9", lightgbm_dask_rows=1)
    with pytest.raises(ClusterUnavailable, match=r"tcp://127\.0\.0\.1:9"), machines_for(2, settings):
        pytest.fail("there is nothing to train on")


def test_a_scheduler_without_workers_is_named(tmp_path: Path) -> None:
    with cluster(tmp_path, {}, workers=0) as empty:
        settings = load_settings(dask_scheduler_address=empty.address, lightgbm_dask_rows=1)
        with pytest.raises(ClusterUnavailable, match="has no workers"), machines_for(2, settings):
            pytest.fail("there is nothing to train on")
