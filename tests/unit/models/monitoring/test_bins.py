"""Bins of the reference, and the population stability index over them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.monitoring.bins import MISSING, OTHER, cut, population_stability, shown

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)
VALUES = st.lists(st.none() | st.floats(allow_nan=True, width=32), min_size=1, max_size=60)


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(st.data(), COUNTS)
def test_the_index_is_never_negative_and_the_same_both_ways(data, before):
    now = data.draw(st.lists(st.integers(0, 500), min_size=len(before), max_size=len(before)))
    index = population_stability(np.array(before), np.array(now))
    assert index >= 0
    assert index == pytest.approx(population_stability(np.array(now), np.array(before)))


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(COUNTS, st.integers(1, 20))
def test_the_index_of_equal_shares_is_zero_whatever_the_sizes(counts, times):
    assert population_stability(np.array(counts), times * np.array(counts)) == pytest.approx(0, abs=1e-12)


def test_the_index_is_what_the_formula_says():
    found = population_stability(np.array([50, 50]), np.array([80, 20]))
    assert found == pytest.approx(0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5))


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(VALUES, VALUES)
def test_a_batch_falls_into_bins_as_its_rows_do(before, now):
    bins = cut(pa.chunked_array([pa.array(before, pa.float64())]))
    together = bins.codes(pa.chunked_array([pa.array(now, pa.float64())]))
    alone = [bins.codes(pa.chunked_array([pa.array([value], pa.float64())]))[0] for value in now]
    assert together.tolist() == alone
    assert bins.count(together).sum() == len(now)
    assert len(set(bins.labels)) == len(bins.labels)


def test_ten_bins_hold_a_tenth_of_the_reference_each():
    column = pa.chunked_array([pa.array(np.random.default_rng(1).lognormal(size=1000))])
    bins = cut(column)
    assert bins.count(bins.codes(column)).tolist() == [100] * 10 + [0]


def test_what_is_missing_has_a_bin_of_its_own():
    bins = cut(pa.chunked_array([pa.array([1.0, 2.0, None, float("nan")])]))
    codes = bins.codes(pa.chunked_array([pa.array([None, 1.0])]))
    assert [bins.labels[code] for code in codes] == [MISSING, "1"]


def test_a_category_that_the_reference_lacks_is_another_one():
    bins = cut(pa.chunked_array([pa.array(["a", "b", "a"])]))
    codes = bins.codes(pa.chunked_array([pa.array(["b", "c", None])]))
    assert [bins.labels[code] for code in codes] == ["b", OTHER, MISSING]


def test_a_constant_may_leave_its_value_on_either_side():
    bins = cut(pa.chunked_array([pa.array([5.0] * 10)]))
    codes = bins.codes(pa.chunked_array([pa.array([4.0, 5.0, 6.0])]))
    assert [bins.labels[code] for code in codes] == ["below 5", "5", "above 5"]


@pytest.mark.parametrize("share", [0.5, 0.85, 0.89, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("heavy", [0.0, 500.0, 2000.0])
def test_a_value_that_most_rows_have_is_a_bin_of_its_own(share, heavy):
    others = np.random.default_rng(3).permutation(1000)[: round(1000 * (1 - share))]
    before = np.concatenate([np.full(1000 - len(others), heavy), others.astype(float)])
    bins = cut(pa.chunked_array([pa.array(before)]))
    codes = bins.codes(pa.chunked_array([pa.array([heavy - 1, heavy, np.nextafter(heavy, np.inf), heavy + 1])]))
    assert codes[0] < codes[1] < codes[2] <= codes[3]
    assert bins.labels[codes[1]] == shown(heavy)
    assert len(bins.labels) == len(bins.edges) + 2
    assert len(set(bins.labels)) == len(bins.labels) <= 12


def test_the_bins_around_a_value_that_most_rows_have_are_named():
    before = pa.chunked_array([pa.array([0.0] * 90 + list(map(float, range(1, 11))) + [None])])
    assert cut(before).labels[:3] == ("below 0", "0", "above 0 to 0.1")
    rare = pa.chunked_array([pa.array([0.0] * 950 + list(map(float, range(1, 51))))])
    assert cut(rare).labels == ("below 0", "0", "above 0", MISSING)


@pytest.mark.parametrize("kind", [pa.float64(), pa.string(), pa.bool_(), pa.int64()])
def test_a_column_without_any_value_is_all_missing(kind):
    column = pa.chunked_array([pa.nulls(7, kind)])
    bins = cut(column)
    assert bins.shares(bins.codes(column))[MISSING] == 1.0
