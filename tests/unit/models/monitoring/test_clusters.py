"""How many independent rows clustered ones are worth."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.monitoring.clusters import cluster_codes, design_effect, effective_rows, mean_variance


def test_rows_of_their_own_are_worth_themselves():
    codes = np.random.default_rng(0).integers(4, size=500)
    assert design_effect(codes, np.arange(500), 4) == 1.0


def test_a_row_that_stands_ten_times_is_worth_one():
    codes = np.repeat(np.random.default_rng(0).integers(4, size=300), 10)
    assert design_effect(codes, np.repeat(np.arange(300), 10), 4) == pytest.approx(10, rel=0.02)


def test_rows_that_only_share_a_name_are_worth_nearly_all():
    rng = np.random.default_rng(0)
    assert design_effect(rng.integers(4, size=3000), rng.integers(300, size=3000), 4) < 1.3


def test_one_cluster_alone_is_worth_one_row():
    assert design_effect(np.arange(50) % 3, np.zeros(50, int), 3) == 50


def test_few_clusters_of_now_are_judged_by_the_likeness_of_the_reference():
    rng = np.random.default_rng(0)
    codes = np.repeat(rng.integers(4, size=300), 10)
    # by chance, the two clusters of now look as if their rows had nothing in common
    now = np.tile([0, 1, 2, 3], 20)
    _, worth = effective_rows((codes, [np.repeat(np.arange(300), 10)]), (now, [np.repeat([0, 1], 40)]), 4)
    assert worth < 3


def test_rows_without_a_name_are_each_their_own():
    table = pa.table({"user": ["a", None, "a", None]})
    codes = cluster_codes(table, ["user", "absent", None])
    assert len(codes) == 1
    assert len(set(codes[0].tolist())) == 3
    assert codes[0][0] == codes[0][2]


def test_the_variance_of_a_mean_grows_with_likeness():
    values = np.repeat(np.random.default_rng(0).normal(size=200), 5)
    alone = mean_variance(values, [np.arange(1000)])
    assert mean_variance(values, [np.repeat(np.arange(200), 5)]) == pytest.approx(5 * alone, rel=0.05)
