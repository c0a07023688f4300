"""What a model knows of users and items, in words: JSON-ready, for the endpoints of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.recommendation.candidates import Sources, consider
from models.recommendation.catalogue import NO_TIME_US
from models.recommendation.options import RecommendationOptions
from models.recommendation.profile import Profile
from models.recommendation.question import ITEM_KINDS, Question
from models.recommendation.ranking import FEATURES, feature_matrix, scored

MOST_NAMED = 10
Facts = dict[str, Any]


def user_features(question: Question, user: Profile, sources: Sources) -> Facts:
    """What a history says of its user."""
    names = sources.catalogue
    best = np.argsort(-user.weights, kind="stable")[: 2 * MOST_NAMED]
    return {
        "user_id": question.user_id,
        "interactions": len(question.history),
        "liked_items": len(user.places),
        "seen_items": len(user.seen),
        "followed_authors": len(user.followed),
        "language": names.language_names.value(user.language),
        "categories": _named(user.categories, names.category_names.value),
        "authors": _named(user.authors, names.author_names.value),
        "taste": [
            {
                "item_id": names.ids[user.places[row]],
                "kind": user.kinds[row],
                "weight": float(user.weights[row]),
            }
            for row in best
        ],
    }


def item_features(item_id: str, sources: Sources) -> Facts | None:
    """What the model knows of an item; None of an unknown one."""
    names = sources.catalogue
    place = names.places.get(item_id)
    if place is None:
        return None
    published = int(names.published[place])
    return {
        "item_id": item_id,
        "kind": ITEM_KINDS[names.kinds[place]],
        "title": names.titles[place],
        "author_id": names.author_names.value(names.authors[place]),
        "category": names.category_names.value(names.categories[place]),
        "language": names.language_names.value(names.languages[place]),
        "published_us": None if published == NO_TIME_US else published,
        "popularity": float(names.popularity[place]),
        "users": int(names.users[place]),
        "trend": float(names.trend[place]),
        "removed": not bool(names.alive[place]),
        "trained_on": place < sources.trained,
        "related_by_people": sources.collaborative.count(place),
        "related_by_content": sources.content.count(place),
    }


def interaction_features(
    question: Question,
    user: Profile,
    item_id: str,
    sources: Sources,
    options: RecommendationOptions,
    trend: np.ndarray,
) -> Facts | None:
    """The features by which an item is ranked for a user; None of an unknown item."""
    place = sources.catalogue.places.get(item_id)
    if place is None:
        return None
    pool = consider(sources, user, trend, np.array([place]), at_us=question.at_us)
    row = feature_matrix(
        pool,
        scored(pool, options.mix, user, sources.catalogue),
        np.zeros(1, np.int64),
        user,
        sources.catalogue,
        question.at_us,
    )[0]
    return {
        "user_id": question.user_id,
        "item_id": item_id,
        "seen": place in user.seen,
        **dict(zip(FEATURES, row.tolist(), strict=True)),
    }


def _named(shares: Mapping[int, float], name: Callable[[int], str | None]) -> dict[str | None, float]:
    best = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_NAMED]
    return {name(code): share for code, share in best}
