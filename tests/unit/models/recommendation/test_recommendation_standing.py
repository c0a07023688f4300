"""Of items that are equally alike, the better known one comes first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.recommendation.neighbours import Neighbours
from tests.recommendation_taste_world import fitted


def test_what_nobody_knows_still_has_some_standing_and_the_best_known_has_all() -> None:
    catalogue = fitted().predictor.catalogue
    standing = catalogue.standing
    assert 0 < standing.min() <= standing.max() == 1
    assert (np.argsort(standing, kind="stable") == np.argsort(catalogue.users, kind="stable")).all()


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_relations_are_scaled_by_where_they_lead(factors: list[float]) -> None:
    relations = Neighbours.of_rows(np.array([[1, 2], [0, 3]]), np.array([[0.5, 0.25], [1.0, 0.0]]))
    scaled = relations.scaled(np.array(factors, np.float32))
    assert scaled.starts.tolist() == relations.starts.tolist()
    assert scaled.places.tolist() == relations.places.tolist() == [1, 2, 0]
    np.testing.assert_allclose(scaled.strengths, [0.5 * factors[1], 0.25 * factors[2], factors[0]], rtol=1e-6)


def test_content_relations_of_a_model_lead_to_known_items_first() -> None:
    content, catalogue = fitted().predictor.sources.content, fitted().predictor.catalogue
    strength = np.zeros(len(catalogue))
    np.maximum.at(strength, content.places, content.strengths)
    assert (strength <= catalogue.standing + 1e-6).all()
