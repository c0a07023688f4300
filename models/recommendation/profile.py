"""What a user's history says at a moment: which items, how strongly, and what must not come back.

The user's vector is made at the moment of the question (fold-in): there is nothing of users in a model, so a
new interaction, or a new user, counts at once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from heapq import nlargest
from math import log2

import numpy as np

from models.columns import microseconds
from models.recommendation.catalogue import Catalogue
from models.recommendation.options import RecommendationOptions
from models.recommendation.question import Interaction, Question


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as the model sees one.

    Attributes:
        places: (h,) places of the items that the user likes in some measure.
        weights: (h,) how much, decayed: ``log2(1 + sum of weights)``.
        kinds: (h,) the kind of the weightiest interaction with each.
        seen: (s,) places that must not be recommended.
        followed: codes of the authors that the user follows.
        authors: code of author -> share of the weight that went to their items; ``categories`` likewise.
        language: code of the language that most of the weight went to, or -1.
    """

    places: np.ndarray
    weights: np.ndarray
    kinds: tuple[str, ...]
    seen: np.ndarray
    followed: frozenset[int] = frozenset()
    authors: dict[int, float] = field(default_factory=dict)
    categories: dict[int, float] = field(default_factory=dict)
    language: int = -1


def profile(question: Question, catalogue: Catalogue, options: RecommendationOptions) -> Profile:
    """The profile of whoever asks, out of what they did up to the moment of the question.

    An interaction's age is that before the user's newest one: somebody who comes back after a year finds their
    taste again. Several interactions with one item add up; one that was skipped more than liked is only not to
    come back. Follows of an author count for the author, and for the author as an item.
    """
    history = _known(question, options)
    newest = max((one[2] for one in history), default=0)
    half_life, seen_since = microseconds(options.half_life), question.at_us - microseconds(options.seen)
    places, kind_weights, names = catalogue.places, options.weights, catalogue.author_names.codes
    total: dict[int, float] = {}
    best: dict[int, tuple[float, str]] = {}
    seen, followed = set(), set()
    for item, kind, at, share in history:
        if kind == "follow" and item in names:
            followed.add(names[item])
        place = places.get(item)
        if place is None:
            continue
        if at > seen_since:
            seen.add(place)
        weight = kind_weights[kind]
        if kind == "view" and share is not None:
            weight *= share
        decayed = weight * 0.5 ** ((newest - at) / half_life)
        total[place] = total.get(place, 0.0) + decayed
        if place not in best or weight > best[place][0]:
            best[place] = (weight, kind)
    liked = [place for place, weight in total.items() if weight > 0]
    weights = np.array([log2(1 + total[place]) for place in liked])
    liked_places = np.array(liked, np.int64)
    seen.update(places[name] for name in question.exclude if name in places)
    return Profile(
        places=liked_places,
        weights=weights,
        kinds=tuple(best[place][1] for place in liked),
        seen=np.fromiter(seen, np.int64, len(seen)),
        followed=frozenset(followed),
        authors=_shares(catalogue.authors[liked_places], weights),
        categories=_shares(catalogue.categories[liked_places], weights),
        language=_language(question, catalogue, liked_places, weights),
    )


def _known(question: Question, options: RecommendationOptions) -> list[Interaction]:
    """The newest interactions up to the moment of the question."""
    history = [one for one in question.history if one[2] <= question.at_us]
    if len(history) <= options.history:
        return history
    return nlargest(options.history, history, key=lambda one: one[2])


def _shares(codes: np.ndarray, weights: np.ndarray) -> dict[int, float]:
    whole = float(weights.sum())
    if not whole:
        return {}
    shares: defaultdict[int, float] = defaultdict(float)
    for code, weight in zip(codes.tolist(), weights.tolist(), strict=True):
        if code >= 0:
            shares[code] += weight / whole
    return dict(shares)


def _language(question: Question, catalogue: Catalogue, places: np.ndarray, weights: np.ndarray) -> int:
    asked = catalogue.language_names.code(question.language)
    if asked >= 0:
        return asked
    shares = _shares(catalogue.languages[places], weights)
    return max(shares, key=shares.__getitem__, default=-1)
