"""Candidates for a user: what each source proposes, with the scores of every source for all of them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from models.recommendation.catalogue import NO_TIME_US, Catalogue
from models.recommendation.content import LEAST_SIMILAR
from models.recommendation.neighbours import Neighbours, strongest, sums
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
    """What a history adds up to, term by term: (t,) places, values, and of which row of the history."""

    places: np.ndarray
    values: np.ndarray
    rows: np.ndarray

    def best_row(self, wanted: np.ndarray, items: int) -> dict[int, int]:
        """For each of the places ``wanted``, the row of the history that adds most to it."""
        if not len(self.places):
            return {}
        marks = np.zeros(items, bool)
        marks[wanted] = True
        hits = np.flatnonzero(marks[self.places] & (self.values > 0))
        ordered = hits[np.argsort(self.values[hits], kind="stable")]  # the greatest comes last, and stays
        return dict(zip(self.places[ordered].tolist(), self.rows[ordered].tolist(), strict=True))


NO_TERMS = Terms(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))


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
        kind: place in ``ITEM_KINDS``.
        at_us: the moment of the question.
        count: how many items are asked for.
    """
    catalogue = sources.catalogue
    allowed = catalogue.alive & (catalogue.kinds == kind)
    allowed[user.seen] = False
    wanted = 2 * count
    collaborative = _terms(sources.collaborative, user)
    content = _content_terms(sources, user)
    liked, liked_scores = sums(collaborative.places, collaborative.values, len(catalogue))
    alike, alike_scores = sums(content.places, content.values, len(catalogue))
    parts = [
        _best(liked, liked_scores, allowed, max(COLLABORATIVE, wanted)),
        _best(alike, alike_scores, allowed, max(CONTENT, wanted)),
        _first(trending, allowed, max(TREND, wanted)),
        _first(_followed(catalogue, user), allowed, max(FOLLOWED, wanted)),
    ]
    places = np.unique(np.concatenate(parts))
    return _pool(sources, user, trend, places, (liked, liked_scores), (alike, alike_scores), collaborative,
                 content, at_us)  # fmt: skip


def consider(sources: Sources, user: Profile, trend: np.ndarray, places: np.ndarray, *, at_us: int) -> Pool:
    """A pool of given items, seen or not: to rank them."""
    collaborative = _terms(sources.collaborative, user)
    content = _content_terms(sources, user, places)
    items = len(sources.catalogue)
    return _pool(
        sources, user, trend, places, sums(collaborative.places, collaborative.values, items),
        sums(content.places, content.values, items), collaborative, content, at_us,
    )  # fmt: skip


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
    places, values, rows = neighbours.gather(user.places[known], user.weights[known])
    return Terms(places, values, known[rows])


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
    return Terms(
        np.concatenate([known.places, close[columns] + sources.trained]),
        np.concatenate([known.values, alike[rows, columns] * user.weights[rows]]),
        np.concatenate([known.rows, rows]),
    )


def _best(places: np.ndarray, scores: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    kept = allowed[places]
    places, scores = places[kept], scores[kept]
    return places[strongest(scores, count)] if len(places) > count else places


def _first(places: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    head = places[: 4 * count]
    return head[allowed[head]][:count]


def _followed(catalogue: Catalogue, user: Profile) -> np.ndarray:
    if not user.followed:
        return np.zeros(0, np.int64)
    parts = [catalogue.items_of(author, PER_AUTHOR) for author in sorted(user.followed)]
    together = np.concatenate(parts)
    return together[np.argsort(-catalogue.published[together], kind="stable")]


def _pool(
    sources: Sources,
    user: Profile,
    trend: np.ndarray,
    places: np.ndarray,
    liked: tuple[np.ndarray, np.ndarray],
    alike: tuple[np.ndarray, np.ndarray],
    collaborative: Terms,
    content: Terms,
    at_us: int,
) -> Pool:
    catalogue = sources.catalogue
    return Pool(
        places=places,
        collaborative=_share(_look_up(*liked, places)),
        content=_share(_look_up(*alike, places)),
        trend=trend[places],
        fresh=_fresh(catalogue, user, places, at_us),
        collaborative_terms=collaborative,
        content_terms=content,
    )


def _look_up(found: np.ndarray, scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(m,) scores of the ``wanted`` places, 0 where they are not among the ``found`` (rising)."""
    if not len(found):
        return np.zeros(len(wanted))
    at = np.searchsorted(found, wanted)
    at[at == len(found)] = 0
    return np.where(found[at] == wanted, scores[at], 0.0)


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
