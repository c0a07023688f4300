"""Relations between items, and what they add up to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from models.recommendation import collaborative, content, neighbours
from models.recommendation.collaborative import fit_collaborative
from models.recommendation.neighbours import Neighbours, Sums, strongest


def dense(rows: Neighbours) -> np.ndarray:
    return csr_array((rows.strengths, rows.places, rows.starts), shape=(len(rows), len(rows))).toarray()


def some_likes(users: int = 60, items: int = 25, seed: int = 1) -> csr_array:
    rng = np.random.default_rng(seed)
    return csr_array((rng.random((users, items)) < 0.25) * 1.0)


def test_each_item_is_a_ridge_regression_on_its_companions() -> None:
    liked = some_likes()
    found = dense(fit_collaborative(liked, 100))  # all others are companions
    busy = np.maximum(liked.toarray().sum(axis=1), 1)
    popular = np.maximum(liked.toarray().sum(axis=0), 1)
    columns = liked.toarray() * (busy ** (-collaborative.BUSY_RIDGE / 2))[:, None]
    mean = (columns[columns > 0] ** 2).mean()
    penalty = collaborative.PENALTY * mean * popular**collaborative.PENALTY_GROWTH
    for item in range(liked.shape[1]):
        others = [at for at in range(liked.shape[1]) if at != item]
        gram = columns[:, others].T @ columns[:, others] + np.diag(penalty[others])
        expected = np.linalg.solve(gram, columns[:, others].T @ columns[:, item])
        together = (columns[:, others].T @ columns[:, item]) > 0  # who never occurs with it is no companion
        scaled = expected * popular[item] ** collaborative.TARGET
        if together.all():
            np.testing.assert_allclose(found[others, item], scaled, rtol=2e-3, atol=1e-5)
    assert np.diag(found).max() == 0  # nothing speaks for itself


def test_the_way_of_the_inner_products_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dense(fit_collaborative(some_likes(), 10))
    monkeypatch.setattr(collaborative, "DENSE_CELLS", 0)
    np.testing.assert_allclose(dense(fit_collaborative(some_likes(), 10)), before, atol=1e-6)


def test_an_item_that_nobody_liked_is_related_to_nothing() -> None:
    liked = csr_array(np.pad(some_likes().toarray(), ((0, 0), (0, 2))))
    found = dense(fit_collaborative(liked, 10))
    assert not found[-2:].any()
    assert not found[:, -2:].any()


def test_no_likes_at_all_give_no_relations() -> None:
    assert not len(fit_collaborative(csr_array((4, 5)), 10).places)


@given(st.integers(0, 2**32 - 1))
def test_sums_of_many_items_are_those_of_few(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, values = rng.integers(0, 50, 40), rng.normal(size=40)
    few = Sums.of(places, values, 50)
    many = Sums.of(places, values, neighbours.DENSE_ITEMS + 1)
    np.testing.assert_allclose(few.at(np.arange(50)), many.at(np.arange(50)))
    left_out, allowed = rng.integers(0, 50, 5), rng.random(50) < 0.8
    for one, other in zip(few.positive(left_out, allowed), many.positive(left_out, allowed), strict=True):
        np.testing.assert_allclose(one, other)
    assert not set(few.positive(left_out, allowed)[0].tolist()) & set(left_out.tolist())


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 35))
def test_the_strongest_come_first_and_of_equals_the_earlier(values: list[int], count: int) -> None:
    array = np.array(values, float)
    expected = sorted(range(len(values)), key=lambda at: (-values[at], at))[:count]
    assert strongest(array, count).tolist() == expected


def test_terms_tell_whose_row_they_come_from() -> None:
    rows = Neighbours(np.array([0, 2, 2, 3]), np.array([1, 2, 0], np.int32), np.array([1, 2, 4], np.float32))
    places, values, sizes = rows.gather(np.array([2, 1, 0]), np.array([10.0, 1.0, 0.5]))
    assert places.tolist() == [0, 1, 2]
    assert values.tolist() == [40.0, 0.5, 1.0]
    assert sizes.tolist() == [1, 0, 2]


def test_joined_rows_stand_one_after_the_other() -> None:
    one = Neighbours.of_rows(np.array([[1, 2]]), np.array([[0.5, 0.0]]))
    both = Neighbours.joined([one, Neighbours.none(2), one])
    assert len(both) == 4
    assert [both.count(row) for row in range(4)] == [1, 0, 0, 1]
    assert both.count(9) == 0


def test_the_approximate_index_finds_nearly_what_comparing_all_finds() -> None:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(20, content.DIMENSIONS))
    vectors = content.normalised(
        centres[rng.integers(0, 20, 800)] + 0.4 * rng.normal(size=(800, content.DIMENSIONS))
    )
    exact, close = content.similar_items(vectors), content.similar_items(vectors, exact_items=10)
    shared = [
        len(
            set(exact.places[exact.starts[row] : exact.starts[row + 1]].tolist())
            & set(close.places[close.starts[row] : close.starts[row + 1]].tolist())
        )
        / max(exact.count(row), 1)
        for row in range(800)
    ]
    assert np.mean(shared) > 0.9
    assert not (dense(close).diagonal() > 0).any()


def test_what_an_item_is_about_is_encoded_as_it_was_trained() -> None:
    items = [
        {"text": f"word{at % 7} word{at % 5}", "tags": [f"t{at % 3}"], "category": f"c{at % 4}"}
        for at in range(300)
    ]
    encoder, vectors = content.fit_content(items, 7)
    np.testing.assert_allclose(encoder.encode(items), vectors, atol=1e-5)
    assert not encoder.encode([{"text": "nothing of this was ever seen"}]).any()


def test_without_any_content_nothing_is_similar() -> None:
    encoder, vectors = content.fit_content([{}, {}, {}], 7)
    assert not vectors.any()
    assert not len(content.similar_items(vectors).places)
    assert encoder.encode([{"text": "x"}]).shape == (1, content.DIMENSIONS)
