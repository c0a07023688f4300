"""What a user's history says at a moment: which items, how strongly, and what must not come back.

The user's vector is made at the moment of the question (fold-in): there is nothing of users in a model, so a
new interaction, or a new user, counts at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import log2

import numpy as np

from models.columns import microseconds
from models.recommendation.catalogue import Catalogue
from models.recommendation.options import RecommendationOptions
from models.recommendation.question import Interaction, Question

#: Tastes that are remembered of users whose history did not change.
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Taste:
    """What a history says, whenever it is asked after its end.

    Attributes:
        places: (h,) places of the items that the user likes in some measure.
        weights: (h,) how much, decayed: ``log2(1 + sum of weights)``.
        kinds: (h,) the kind of the weightiest interaction with each.
        known: (s,) places of all items of the history, and ``known_at`` (s,) when each was last seen.
        followed: codes of the authors that the user follows.
        authors: code of author -> share of the weight that went to their items; ``categories`` likewise.
        language: code of the language that most of the weight went to, or -1.
        newest_us: when the newest interaction was.
    """

    places: np.ndarray
    weights: np.ndarray
    kinds: tuple[str, ...]
    known: np.ndarray
    known_at: np.ndarray
    followed: frozenset[int]
    authors: dict[int, float]
    categories: dict[int, float]
    language: int
    newest_us: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as the model sees one: parts of their :class:`Taste`, ``seen`` (s,) places that must not be
    recommended now, and the language of the question or else of the taste.
    """

    places: np.ndarray
    weights: np.ndarray
    kinds: tuple[str, ...]
    seen: np.ndarray
    followed: frozenset[int] = frozenset()
    authors: dict[int, float] = field(default_factory=dict)
    categories: dict[int, float] = field(default_factory=dict)
    language: int = -1


class Tastes:
    """Tastes of histories for one catalogue. That of a tuple is remembered while the user comes with the very
    same one; lists may change, and are looked at anew. Safe in many threads.
    """

    def __init__(self, catalogue: Catalogue, options: RecommendationOptions) -> None:
        self._catalogue = catalogue
        self._options = options
        self._remembered: dict[str, tuple[Sequence[Interaction], Taste]] = {}

    def profile(self, question: Question) -> Profile:
        """The profile of whoever asks, out of what they did up to the moment of the question."""
        taste = self._taste(question)
        seen = taste.known[taste.known_at > question.at_us - microseconds(self._options.seen)]
        own = self._catalogue.author_names.codes.get(question.user_id)
        if own is not None:  # nobody is recommended what they made themselves
            seen = np.concatenate([seen, self._catalogue.items_of(own, len(self._catalogue))])
        if question.exclude:
            places = self._catalogue.places
            more = [places[name] for name in question.exclude if name in places]
            seen = np.concatenate([seen, np.array(more, np.int64)])
        asked = self._catalogue.language_names.code(question.language)
        return Profile(
            taste.places, taste.weights, taste.kinds, seen, taste.followed, taste.authors, taste.categories,
            asked if asked >= 0 else taste.language,
        )  # fmt: skip

    def _taste(self, question: Question) -> Taste:
        history = question.history
        found = self._remembered.get(question.user_id)
        if found is not None and found[0] is history and found[1].newest_us <= question.at_us:
            return found[1]
        known = [one for one in history if one[2] <= question.at_us]
        taste = taste_of(known, self._catalogue, self._options)
        if isinstance(history, tuple) and len(known) == len(history):
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()  # they are made again in no time
            self._remembered[question.user_id] = (history, taste)
        return taste


def taste_of(history: Sequence[Interaction], catalogue: Catalogue, options: RecommendationOptions) -> Taste:
    """What a history says: by the newest interactions, so many as count; of the others, that they were.

    An interaction's age is that before the user's newest one: somebody who comes back after a year finds their
    taste again. Several interactions with one item add up; one that was skipped more than liked is only not to
    come back. Follows of an author count for the author, and for the author as an item.
    """
    newest = max((one[2] for one in history), default=0)
    half_life, kind_weights = microseconds(options.half_life), options.weights
    places, names = catalogue.places, catalogue.author_names.codes
    ordered = nlargest(len(history), history, key=_moment) if len(history) > options.history else history
    total: dict[int, float] = {}
    best: dict[int, tuple[float, str]] = {}
    seen_at: dict[int, int] = {}
    followed = set()
    for number, (item, kind, at, share) in enumerate(ordered):
        if kind == "follow" and item in names:
            followed.add(names[item])
        place = places.get(item)
        if place is None:
            continue
        seen_at[place] = max(at, seen_at.get(place, at))
        if number >= options.history:
            continue
        weight = kind_weights[kind]
        if kind == "view" and share is not None:
            weight *= share
        total[place] = total.get(place, 0.0) + weight * 0.5 ** ((newest - at) / half_life)
        if place not in best or weight > best[place][0]:
            best[place] = (weight, kind)
    liked = [place for place, weight in total.items() if weight > 0]
    weights = np.array([log2(1 + total[place]) for place in liked])
    liked_places = np.array(liked, np.int64)
    languages = _shares(catalogue.languages[liked_places], weights)
    return Taste(
        places=liked_places,
        weights=weights,
        kinds=tuple(best[place][1] for place in liked),
        known=np.fromiter(seen_at, np.int64, len(seen_at)),
        known_at=np.fromiter(seen_at.values(), np.int64, len(seen_at)),
        followed=frozenset(followed),
        authors=_shares(catalogue.authors[liked_places], weights),
        categories=_shares(catalogue.categories[liked_places], weights),
        language=max(languages, key=languages.__getitem__, default=-1),
        newest_us=newest,
    )


def _moment(one: Interaction) -> int:
    return one[2]


def _shares(codes: np.ndarray, weights: np.ndarray) -> dict[int, float]:
    whole = float(weights.sum())
    if not whole:
        return {}
    shares: defaultdict[int, float] = defaultdict(float)
    for code, weight in zip(codes.tolist(), weights.tolist(), strict=True):
        if code >= 0:
            shares[code] += weight / whole
    return dict(shares)
