"""Candidates for a user: what each source proposes, with the scores of every source for all of them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from models.recommendation.catalogue import NO_TIME_US, Catalogue
from models.recommendation.content import LEAST_SIMILAR
from models.recommendation.neighbours import Neighbours, Sums, at_least, strongest
from models.recommendation.profile import Profile

#: How many candidates each source brings at most, where the list is short; of a long list, twice its length.
COLLABORATIVE, CONTENT, TREND, FOLLOWED, PER_AUTHOR = 200, 100, 60, 40, 5
DAY_US = 86_400_000_000
#: An item is new for so long, and fresh from a followed author with this half-life.
NEW_US, FRESH_HALF_LIFE_US = 7 * DAY_US, 3 * DAY_US
#: Of the new items, so many of the newest may be explored.
MOST_NEW = 2_000


@dataclass(frozen=True)
class Sources:
    """The parts of a model that propose. ``content`` may have more rows than ``collaborative``: items that came
    after the training have no collaborative relations. ``vectors`` (n, d) are of all items.
    """

    catalogue: Catalogue
    collaborative: Neighbours
    content: Neighbours
    vectors: np.ndarray

    @property
    def trained(self) -> int:
        """How many of the items were there when the model was trained; they come first."""
        return len(self.collaborative)


@dataclass(frozen=True)
class Terms:
    """What a history adds up to, term by term: (t,) places and values. The first ``sizes[0]`` of them are of
    the row ``history[0]`` of the history, and so on.
    """

    places: np.ndarray
    values: np.ndarray
    sizes: np.ndarray
    history: np.ndarray

    def best_row(self, wanted: np.ndarray, items: int) -> dict[int, int]:
        """For each of the places ``wanted``, the row of the history that adds most to it."""
        if not len(self.places):
            return {}
        marks = np.zeros(items, bool)
        marks[wanted] = True
        hits = np.flatnonzero(marks[self.places])
        hits = hits[np.argsort(self.values[hits], kind="stable")]  # the greatest comes last, and stays
        rows = self.history[np.searchsorted(np.cumsum(self.sizes), hits, side="right")]
        return dict(zip(self.places[hits].tolist(), rows.tolist(), strict=True))


NO_TERMS = Terms(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class _Scored:
    """The terms of one source, and what they add up to; None where there are none."""

    terms: Terms
    sums: Sums | None

    @classmethod
    def of(cls, terms: Terms, items: int) -> _Scored:
        return cls(terms, Sums.of(terms.places, terms.values, items) if len(terms.places) else None)

    def positive(self, left_out: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.sums is None:
            return np.zeros(0, np.int64), np.zeros(0)
        return self.sums.positive(left_out, allowed)

    def at(self, places: np.ndarray) -> np.ndarray:
        return np.zeros(len(places)) if self.sums is None else self.sums.at(places)


@dataclass(frozen=True)
class Pool:
    """Candidates: (m,) places, and (m,) scores of each source, from 0 to 1 of the greatest there is for this
    user. ``fresh`` says how new an item of a followed author is. The terms are kept for the reasons.
    """

    places: np.ndarray
    collaborative: np.ndarray
    content: np.ndarray
    trend: np.ndarray
    fresh: np.ndarray
    collaborative_terms: Terms
    content_terms: Terms

    def __len__(self) -> int:
        return len(self.places)


def propose(
    sources: Sources,
    user: Profile,
    trend: np.ndarray,
    trending: np.ndarray,
    more: np.ndarray,
    *,
    kind: int,
    at_us: int,
    count: int,
) -> Pool:
    """The pool of candidates of one kind that the user may see.

    Args:
        sources: of the model.
        user: who asks.
        trend: (n,) how strongly each item trends now, from 0 to 1.
        trending: places with a trend above 0 of that kind, the strongest first.
        more: places of that kind that are candidates in any case.
        kind: place in ``ITEM_KINDS``.
        at_us: the moment of the question.
        count: how many items are asked for.
    """
    catalogue = sources.catalogue
    allowed = catalogue.allowed[kind]
    wanted, seen = 2 * count, set(user.seen.tolist())
    collaborative = _Scored.of(_terms(sources.collaborative, user), len(catalogue))
    content = _Scored.of(_content_terms(sources, user), len(catalogue))
    proposed = np.zeros(len(catalogue), bool)
    proposed[more] = True
    proposed[_best(*collaborative.positive(user.seen, allowed), max(COLLABORATIVE, wanted))] = True
    proposed[_best(*content.positive(user.seen, allowed), max(CONTENT, wanted))] = True
    proposed[_first(trending, seen, allowed, max(TREND, wanted))] = True
    if user.followed:
        proposed[_first(_followed(catalogue, user), seen, allowed, max(FOLLOWED, wanted))] = True
    return _pool(sources, user, trend, np.flatnonzero(proposed), collaborative, content, at_us)


def consider(sources: Sources, user: Profile, trend: np.ndarray, places: np.ndarray, *, at_us: int) -> Pool:
    """A pool of given items, seen or not: to rank them."""
    items = len(sources.catalogue)
    collaborative = _Scored.of(_terms(sources.collaborative, user), items)
    content = _Scored.of(_content_terms(sources, user, places), items)
    return _pool(sources, user, trend, places, collaborative, content, at_us)


def new_items(
    sources: Sources,
    user: Profile,
    chosen: np.ndarray,
    *,
    kind: int,
    at_us: int,
    count: int,
    seed: str,
) -> np.ndarray:
    """Places of up to ``count`` new items that few have seen and that are not ``chosen`` yet, to be explored:
    those first that are close to what the user likes, with some chance for the others (another one for each
    ``seed``).
    """
    catalogue = sources.catalogue
    young = catalogue.published_between(kind, at_us - NEW_US, at_us)[:MOST_NEW]
    if not len(young):
        return young
    few = young[catalogue.users[young] <= np.median(catalogue.users[young])]
    few = few[catalogue.alive[few] & ~np.isin(few, user.seen) & ~np.isin(few, chosen)]
    liking = np.zeros(len(few))
    if len(user.places):
        taste = user.weights @ sources.vectors[user.places]
        liking = sources.vectors[few] @ (taste / max(float(np.linalg.norm(taste)), 1e-12))
    noise = np.random.default_rng(zlib.crc32(seed.encode()))
    return np.asarray(few[strongest(liking + noise.gumbel(scale=0.1, size=len(few)), count)])


def _terms(neighbours: Neighbours, user: Profile) -> Terms:
    if not len(neighbours.places) or not len(user.places):
        return NO_TERMS
    known = np.flatnonzero(user.places < len(neighbours))
    if not len(known):
        return NO_TERMS
    return Terms(*neighbours.gather(user.places[known], user.weights[known]), known)


def _content_terms(sources: Sources, user: Profile, asked: np.ndarray | None = None) -> Terms:
    """The terms by content. Items that came after the training are in no row of relations: they are compared
    with the history itself, those that are ``asked`` about and those closest to the taste.
    """
    known = _terms(sources.content, user)
    late = sources.vectors[sources.trained :]
    if not len(late) or not len(user.places):
        return known
    mine = sources.vectors[user.places]
    close = strongest(late @ (user.weights @ mine), CONTENT)
    if asked is not None:
        close = np.union1d(close, asked[asked >= sources.trained] - sources.trained)
    alike = mine @ late[close].T
    rows, columns = np.nonzero(alike >= LEAST_SIMILAR)
    # on the scale of the trained ones, which are told times how many know them
    usual = sources.catalogue.usual_standing
    return Terms(
        np.concatenate([known.places, close[columns] + sources.trained]),
        np.concatenate([known.values, usual * alike[rows, columns] * user.weights[rows]]),
        np.concatenate([known.sizes, np.bincount(rows, minlength=len(mine))]),
        np.concatenate([known.history, np.arange(len(mine))]),
    )


def _best(places: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    return places[at_least(scores, count)] if len(places) > count else places


def _first(places: np.ndarray, seen: set[int], allowed: np.ndarray, count: int) -> np.ndarray:
    head = places[: 4 * count]
    return np.array([place for place in head[allowed[head]].tolist() if place not in seen][:count], np.int64)


def _followed(catalogue: Catalogue, user: Profile) -> np.ndarray:
    parts = [catalogue.items_of(author, PER_AUTHOR) for author in sorted(user.followed)]
    together = np.concatenate(parts)
    return together[np.argsort(-catalogue.published[together], kind="stable")]


def _pool(
    sources: Sources,
    user: Profile,
    trend: np.ndarray,
    places: np.ndarray,
    collaborative: _Scored,
    content: _Scored,
    at_us: int,
) -> Pool:
    return Pool(
        places=places,
        collaborative=_share(collaborative.at(places)),
        content=_share(content.at(places)),
        trend=trend[places],
        fresh=_fresh(sources.catalogue, user, places, at_us),
        collaborative_terms=collaborative.terms,
        content_terms=content.terms,
    )


def _share(scores: np.ndarray) -> np.ndarray:
    greatest = scores.max(initial=0.0)
    return scores / greatest if greatest > 0 else scores


def _fresh(catalogue: Catalogue, user: Profile, places: np.ndarray, at_us: int) -> np.ndarray:
    if not user.followed:
        return np.zeros(len(places))
    followed = np.isin(catalogue.authors[places], np.fromiter(user.followed, np.int64, len(user.followed)))
    published = catalogue.published[places]
    age = np.where(published == NO_TIME_US, np.inf, (at_us - published.astype(np.float64)) / FRESH_HALF_LIFE_US)
    return np.where(followed & (age >= 0), 0.5 ** np.maximum(age, 0), 0.0)
