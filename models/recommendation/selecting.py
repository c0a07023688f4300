"""From candidates to a list: ordered, spread over authors, with some places for new items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.recommendation.candidates import DAY_US, Pool, Sources, consider, new_items, propose
from models.recommendation.catalogue import Catalogue
from models.recommendation.diversity import spread
from models.recommendation.options import RecommendationOptions
from models.recommendation.profile import Profile, Tastes
from models.recommendation.question import ITEM_KINDS, Question
from models.recommendation.ranking import Ranker, leaning

#: From a list so long on, some places are for exploration.
LEAST_FOR_EXPLORATION = 5
NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Trends:
    """(n,) how strongly each item trends; for each kind the places of those that do, the strongest first."""

    values: np.ndarray
    ranked: list[np.ndarray]

    @classmethod
    def of(cls, catalogue: Catalogue, values: np.ndarray) -> Trends:
        """The trends with these strengths (n,)."""
        order = np.argsort(-values, kind="stable")
        order = order[values[order] > 0]
        return cls(values, [order[catalogue.kinds[order] == kind] for kind in range(len(ITEM_KINDS))])


@dataclass(frozen=True)
class Chosen:
    """A list: (m,) places, (m,) scores, and (m,) the row of the pool that each is, -1 of what is explored."""

    places: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    pool: Pool
    user: Profile


def candidates(sources: Sources, tastes: Tastes, question: Question, trends: Trends) -> tuple[Pool, Profile]:
    """The candidates for a question, and who asks."""
    catalogue, kind = sources.catalogue, ITEM_KINDS.index(question.item_kind)
    user = tastes.profile(question)
    ranked = trends.ranked[kind]
    if not len(ranked) and not len(user.places):
        ranked = catalogue.popular[kind]
    leans = bool(len(user.places) and leaning(user))
    more = _familiar(catalogue, user, question, kind) if leans else NOTHING
    pool = propose(
        sources, user, trends.values, ranked, more, kind=kind, at_us=question.at_us, count=question.count
    )
    if len(pool) < question.count and not leans:  # who asks for a list gets one
        places = np.union1d(pool.places, _familiar(catalogue, user, question, kind))
        pool = consider(sources, user, trends.values, places, at_us=question.at_us)
    return pool, user


def choose(
    sources: Sources,
    tastes: Tastes,
    options: RecommendationOptions,
    ranker: Ranker,
    question: Question,
    trends: Trends,
) -> Chosen:
    """The list that answers a question."""
    catalogue = sources.catalogue
    pool, user = candidates(sources, tastes, question, trends)
    order, scores = ranker.order(pool, user, catalogue, question.at_us, 2 * question.count)
    if not len(user.places):
        order, scores = _for_context(order, pool, user, catalogue, question)
    authors = catalogue.authors[pool.places[order]]
    # items without an author are of as many different ones
    apart = np.where(authors < 0, -1 - np.arange(len(authors)), authors).tolist()
    kept = np.array(spread(range(len(order)), apart, options.author_run, question.count), np.int64)
    chosen = Chosen(pool.places[order[kept]], scores[kept], order[kept], pool, user)
    return _explored(chosen, sources, options, question)


def _familiar(catalogue: Catalogue, user: Profile, question: Question, kind: int) -> np.ndarray:
    """Places of what is popular and what is new, for a pool that is too short or somebody little known."""
    most = 4 * question.count + len(user.seen)
    popular, newest = catalogue.popular[kind][:most], catalogue.newest[kind][:most]
    both = np.concatenate([popular, newest[catalogue.published[newest] <= question.at_us]])
    return both[catalogue.alive[both] & ~np.isin(both, user.seen)]


def _explored(chosen: Chosen, sources: Sources, options: RecommendationOptions, question: Question) -> Chosen:
    """The list with some of its places given to new items: the last of each stretch of places."""
    slots = round(options.exploration * question.count) if question.count >= LEAST_FOR_EXPLORATION else 0
    if not slots:
        return chosen
    found = new_items(
        sources, chosen.user, chosen.places, kind=ITEM_KINDS.index(question.item_kind), at_us=question.at_us,
        count=slots, seed=f"{question.user_id}|{question.at_us // DAY_US}",
    )  # fmt: skip
    if not len(found):
        return chosen
    kept = min(len(chosen.places), question.count - len(found))
    step = question.count // len(found)
    at = np.minimum(np.arange(1, len(found) + 1) * step - 1 - np.arange(len(found)), kept)
    last = chosen.scores[kept - 1] if kept else 0.0
    return Chosen(
        np.insert(chosen.places[:kept], at, found),
        np.insert(chosen.scores[:kept], at, last),
        np.insert(chosen.rows[:kept], at, -1),
        chosen.pool,
        chosen.user,
    )


def _for_context(
    order: np.ndarray, pool: Pool, user: Profile, catalogue: Catalogue, question: Question
) -> tuple[np.ndarray, np.ndarray]:
    """For users of whom nothing is known: what is popular and trends, and most of all what is of the language
    and the category that was asked for.
    """
    places = pool.places[order]
    category = catalogue.category_names.code(question.category)
    fits = (
        1.0
        + 2.0 * ((catalogue.categories[places] == category) & (category >= 0))
        + 1.0 * ((catalogue.languages[places] == user.language) & (user.language >= 0))
    )
    again = fits * (pool.trend[order] + catalogue.fame[places] + pool.fresh[order] + 1e-6)
    best = np.lexsort((places, -again))
    return order[best], again[best] / max(float(again.max(initial=0.0)), 1e-12)
