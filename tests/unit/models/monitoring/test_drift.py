"""Drift of columns: what is found, what is not, and what order and repetition change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.monitoring.drift import bar, compare_columns, holm, settled
from models.monitoring.inputs import Rules
from models.monitoring.side import Side

RULES = Rules(window_days=7, min_rows=100, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)


def side(rng, rows=1500, days=42, shift=0.0, entities=None, **columns):
    own = np.arange(rows) if entities is None else entities
    values = {"size": rng.normal(shift, 1, rows), "kind": rng.choice(["a", "b", "c"], rows), **columns}
    return Side(pa.table(values), (own,), np.sort(rng.integers(days, size=rows)))


def judged(before, now):
    return {one.name: one for one in settled(compare_columns(before, now, RULES), RULES)}


def test_rows_of_the_same_world_do_not_drift():
    rng = np.random.default_rng(1)
    found = judged(side(rng), side(rng, 400, 7))
    assert not any(one.drifted for one in found.values())
    assert all(one.usual is not None and one.psi < 0.1 for one in found.values())


def test_a_shifted_number_drifts_alone():
    rng = np.random.default_rng(2)
    found = judged(side(rng), side(rng, 400, 7, shift=0.8))
    assert {name for name, one in found.items() if one.drifted} == {"size"}
    # two normal samples at distance d have the index d squared
    assert found["size"].psi == pytest.approx(0.64, abs=0.2)


def test_another_mix_of_categories_drifts_alone():
    rng = np.random.default_rng(3)
    now = side(rng, 400, 7, kind=rng.choice(["a", "b", "c"], 400, p=[0.7, 0.2, 0.1]))
    assert {name for name, one in judged(side(rng), now).items() if one.drifted} == {"kind"}


def test_values_that_go_missing_drift():
    rng = np.random.default_rng(4)
    gone = pa.array(rng.normal(size=400), mask=rng.random(400) < 0.4)
    found = judged(side(rng), side(rng, 400, 7, size=gone))
    assert found["size"].drifted
    assert found["size"].nulls == (0.0, pytest.approx(0.4, abs=0.1))


@pytest.mark.parametrize("zeros", [0.85, 0.89, 0.9, 0.95])
def test_zeros_that_become_fewer_drift_however_many_they_were(zeros):
    rng = np.random.default_rng(13)

    def rates(rows, share):
        return np.where(rng.random(rows) < share, 0.0, rng.lognormal(size=rows))

    before = side(rng, size=rates(1500, zeros))
    assert not judged(before, side(rng, 400, 7, size=rates(400, zeros)))["size"].drifted
    fewer = judged(before, side(rng, 400, 7, size=rates(400, zeros - 0.35)))
    assert {name for name, one in fewer.items() if one.drifted} == {"size"}


def test_a_small_shift_of_many_rows_is_certain_and_still_no_drift():
    rng = np.random.default_rng(5)
    found = judged(side(rng, 40_000), side(rng, 20_000, 7, shift=0.1))
    assert found["size"].adjusted_p < 1e-6
    assert not found["size"].drifted


def test_few_people_who_are_many_rows_are_no_proof():
    rng = np.random.default_rng(6)
    people = np.repeat(np.arange(6), 100)
    sizes = np.repeat(rng.normal(0.8, 1, 6), 100)
    before = side(rng, 3000, entities=np.repeat(np.arange(300), 10), size=np.repeat(rng.normal(size=300), 10))
    found = judged(before, side(rng, 600, 7, entities=people, size=sizes))
    assert found["size"].psi > RULES.psi
    assert not found["size"].drifted


def test_what_the_reference_does_from_week_to_week_is_no_drift():
    rng = np.random.default_rng(7)
    weekly = rng.normal(0, 0.9, 12)
    days = np.sort(rng.integers(84, size=4000))
    before = Side(pa.table({"size": rng.normal(weekly[days // 7], 1)}), (np.arange(4000),), days)
    now = Side(pa.table({"size": rng.normal(0.8, 1, 400)}), (np.arange(400),), 84 + np.arange(400) % 7)
    one = judged(before, now)["size"]
    assert RULES.psi < one.psi < one.usual
    assert not one.drifted


def test_days_that_each_have_their_own_mix_are_few_witnesses():
    rng = np.random.default_rng(11)
    found = []
    for _ in range(40):
        day = rng.normal(0, 1, 50)
        days = np.sort(rng.integers(50, size=5000))
        every = Side(pa.table({"size": rng.normal(day[days], 0.5)}), (np.arange(5000),), days)
        before, now = every.take(days < 43), every.take(days >= 43)
        found.append(judged(before, now)["size"])
    assert np.mean([one.psi for one in found]) > RULES.psi
    assert sum(one.p < 0.01 for one in found) <= 2


def test_a_change_that_began_amid_the_days_is_found():
    rng = np.random.default_rng(12)
    days = np.sort(rng.integers(7, size=700)) + 42
    moved = np.where(days >= 45, 1.5, 0.0)
    now = Side(pa.table({"size": rng.normal(moved, 1), "kind": ["a"] * 700}), (np.arange(700),), days)
    assert judged(side(rng, kind=["a"] * 1500), now)["size"].drifted


def test_without_weeks_to_compare_twice_the_shift_is_asked_for():
    rng = np.random.default_rng(8)
    found = judged(side(rng, days=7), side(rng, 400, 7, shift=0.45))
    assert found["size"].usual is None
    assert bar(found["size"], RULES) == 2 * RULES.psi
    assert RULES.psi < found["size"].psi < 2 * RULES.psi
    assert not found["size"].drifted


def test_the_order_of_the_rows_changes_nothing():
    rng = np.random.default_rng(9)
    before, now = side(rng), side(rng, 400, 7, shift=0.3)
    mixed = [each.take(rng.permutation(each.rows)) for each in (before, now)]
    for one, other in zip(judged(before, now).values(), judged(*mixed).values(), strict=True):
        assert one.psi == other.psi
        assert one.usual == other.usual
        assert one.p == pytest.approx(other.p)


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_corrected_p_values_are_no_smaller_and_keep_their_order(values):
    adjusted = holm(values)
    assert all(after >= before - 1e-12 for before, after in zip(values, adjusted, strict=True))
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= -1e-12).all()


def test_the_correction_is_holms():
    from statsmodels.stats.multitest import multipletests

    values = np.random.default_rng(0).random(40) ** 4
    assert holm(values.tolist()) == pytest.approx(multipletests(values, method="holm")[1].tolist())


def test_nothing_compared_is_nothing_judged():
    assert settled([], RULES) == []


def test_columns_without_values_or_with_one_do_not_fail():
    rng = np.random.default_rng(10)
    empty = {"size": pa.nulls(300, pa.float64()), "kind": pa.array(["a"] * 300)}
    found = judged(side(rng, 300, **empty), side(rng, 300, 7, **empty))
    assert {name: (one.psi, one.drifted) for name, one in found.items()} == {"kind": (0.0, False)}
    filled = judged(side(rng, 300, **empty), dataclasses.replace(side(rng, 300, 7)))
    assert filled["size"].nulls == (1.0, 0.0)
    assert filled["size"].psi > 1
