"""How much it counts that an item is known: among items alike, and for users of whom little is known."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.recommendation.neighbours import Neighbours
from models.recommendation.profile import Profile
from models.recommendation.question import Interaction, Question
from models.recommendation.ranking import hybrid, leaning, scored
from tests.recommendation_taste_world import DAYS, OPTIONS, fitted, us


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


def somebody(likes: int) -> Profile:
    return Profile(np.arange(likes), np.ones(likes), ("like",) * likes, np.arange(likes))


def test_the_more_is_known_of_a_user_the_less_popularity_says_and_at_last_nothing() -> None:
    shares = [leaning(somebody(likes)) for likes in range(40)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert set(shares[20:]) == {0.0}


def test_with_one_like_the_most_popular_items_are_candidates_and_gain() -> None:
    predictor = fitted().predictor
    catalogue = predictor.catalogue
    liked = catalogue.ids[int(catalogue.popular[0][-1])]
    question = Question("new", us(DAYS + 30), history=[Interaction(liked, "like", us(DAYS + 30))])
    pool, user = predictor.pool(question)
    best = catalogue.popular[0][:10]
    assert set(best.tolist()) <= set(pool.places.tolist())
    own, drawn = (
        scores / scores.max()
        for scores in (hybrid(pool, OPTIONS.mix), scored(pool, OPTIONS.mix, user, catalogue))
    )
    among = np.isin(pool.places, best)
    assert drawn[among].mean() > own[among].mean()
