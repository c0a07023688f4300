"""Texts and embeddings told apart by a classifier."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.columns import TIME
from models.monitoring.embeddings import compare_embedded, sampled
from models.monitoring.inputs import Rules
from models.monitoring.texts import compare_texts, telling_words
from models.monitoring.two_samples import Apart, area_under, told_apart

RULES = Rules(window_days=7, min_rows=100, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)
DAY_US = 86_400_000_000
OLD = ["song", "video", "dance", "music", "live", "new", "official", "best", "of", "the", "how", "to", "make"]
NEW = ["crypto", "coin", "wallet", "airdrop", "token", "free", "claim", "bonus"]


def texts(rng, rows, days, words=OLD, share=0.0):
    said = [" ".join(rng.choice(NEW if rng.random() < share else words, 6)) for _ in range(rows)]
    return pa.table(
        {
            "text": said,
            "who": [f"u{rng.integers(10**9)}" for _ in range(rows)],
            "at": pa.array(np.sort(rng.integers(days, size=rows)) * DAY_US, pa.int64()).cast(TIME),
        }
    )


def test_two_samples_of_one_distribution_are_hardly_told_apart():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 400)
    found = [told_apart(rng.normal(size=(800, 6)), labels, np.arange(800), seed) for seed in range(20)]
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.02)
    assert sum(one.p < 0.05 for one in found) <= 4


def test_a_shift_is_told_and_has_the_index_of_its_distance():
    rng = np.random.default_rng(2)
    matrix = np.concatenate([rng.normal(0, 1, (3000, 1)), rng.normal(0.7, 1, (3000, 1))])
    found = told_apart(matrix, np.repeat([0, 1], 3000), np.arange(6000), 7)
    assert found.p < 1e-6
    assert found.psi == pytest.approx(0.49, abs=0.12)


def test_an_entity_that_is_many_rows_is_one_witness():
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(24), 50)
    found = []
    for _ in range(20):
        matrix = np.repeat(rng.normal(size=(24, 5)), 50, axis=0) + rng.normal(0, 0.01, (1200, 5))
        found.append(told_apart(matrix, (people >= 12).astype(int), people, 7).p)
    assert sum(p < 0.01 for p in found) <= 1


def test_the_area_is_the_chance_of_the_right_order():
    area, variance = area_under(np.array([0.0, 1.0, 2.0, 2.0]), np.array([0, 0, 1, 1]))
    assert area == 1.0
    assert variance > 0
    assert area_under(np.zeros(10), np.repeat([0, 1], 5))[0] == 0.5


def test_an_area_below_a_half_is_no_shift():
    assert Apart(0.4, 1.0, np.zeros(1)).psi == 0.0


def test_new_words_are_found_and_named():
    rng = np.random.default_rng(4)
    one, words = compare_texts("text", "at", "who", texts(rng, 900, 42), texts(rng, 250, 7, share=0.6), RULES)
    assert one is not None
    assert one.statistic > 0.7
    assert one.p < 1e-6
    assert one.psi > (one.usual or 0)
    assert set(words) <= set(NEW)
    assert words


def test_the_same_words_are_not_told_apart():
    rng = np.random.default_rng(5)
    one, words = compare_texts("text", "at", "who", texts(rng, 900, 42), texts(rng, 250, 7), RULES)
    assert one is not None
    assert one.psi < RULES.psi
    assert one.p > 0.001
    assert not set(words) & set(NEW)


def test_the_order_of_texts_changes_nothing():
    rng = np.random.default_rng(6)
    before, now = texts(rng, 300, 42), texts(rng, 120, 7, share=0.3)
    mixed = [table.take(pa.array(rng.permutation(table.num_rows))) for table in (before, now)]
    one, other = (compare_texts("text", "at", "who", *tables, RULES)[0] for tables in ((before, now), mixed))
    assert one is not None
    assert other is not None
    assert one.statistic == pytest.approx(other.statistic)


def test_too_few_texts_are_not_compared():
    rng = np.random.default_rng(7)
    assert compare_texts("text", "at", "who", texts(rng, 300, 42), texts(rng, 20, 7), RULES) == (None, [])
    empty = texts(rng, 300, 42).set_column(0, "text", pa.nulls(300, pa.string()))
    assert compare_texts("text", "at", "who", empty, empty, RULES) == (None, [])


def test_texts_without_a_word_do_not_fail():
    assert telling_words(["...", "!"], ["?", "-"]) == []


def test_embeddings_that_moved_are_found():
    rng = np.random.default_rng(8)
    before, now = rng.normal(size=(400, 8)), rng.normal(0.5, 1, (200, 8))
    days = np.sort(rng.integers(42, size=400))
    entities = (np.arange(400), 400 + np.arange(200))
    moved = compare_embedded("image", "picture", (before, now), entities, days, RULES, (0.0, 0.0))
    still = compare_embedded(
        "image", "picture", (before, rng.normal(size=(200, 8))), entities, days, RULES, (0.0, 0.0)
    )
    assert moved is not None
    assert still is not None
    assert moved.psi > max(RULES.psi, moved.usual or 0) > still.psi


def test_a_sample_is_the_same_in_whatever_order():
    keys = np.array([f"t{at}" for at in range(100)], dtype=object)
    order = np.random.default_rng(9).permutation(100)
    chosen = sampled(keys, keys, 10, 7)
    assert set(keys[chosen]) == set(keys[order][sampled(keys[order], keys[order], 10, 7)])
