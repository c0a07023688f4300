"""The order of candidates: the hybrid of the sources, or a learned re-ranker that takes its place."""

from __future__ import annotations

import numpy as np

from models.booster import FastBooster
from models.recommendation.candidates import DAY_US, Pool
from models.recommendation.catalogue import NO_TIME_US, Catalogue
from models.recommendation.neighbours import strongest
from models.recommendation.profile import Profile

#: What a brand-new item of a followed author gets on top of the hybrid.
FRESH_BONUS = 0.2
#: Of somebody who likes n items, popularity has the share ``(FEW / (FEW + n)) ** 2`` of a score; a share below
#: the least is none.
FEW, LEAST_LEANING = 5, 0.05
#: So many of the best by the hybrid, by what people like together and by content are ordered anew.
BY_HYBRID, BY_PEOPLE, BY_CONTENT = 50, 30, 20
#: Age of an item whose time is not known, in days.
OLD_DAYS = 3650.0
FEATURES = (
    "hybrid", "collaborative", "collaborative_rank", "content", "content_rank", "trend", "fresh", "popularity",
    "users", "age_days", "author_share", "category_share", "followed", "same_language", "history",
)  # fmt: skip


def hybrid(pool: Pool, mix: tuple[float, float, float]) -> np.ndarray:
    """(m,) weighted sums of the sources' scores. A source that has nothing to say of any candidate leaves its
    share to the others.
    """
    scores = (pool.collaborative, pool.content, pool.trend)
    loud = [(share, part) for share, part in zip(mix, scores, strict=True) if share and part.any()]
    whole = sum(share for share, _ in loud)
    total = FRESH_BONUS * pool.fresh
    for share, part in loud:
        total += (share / whole) * part
    return total


def leaning(user: Profile) -> float:
    """How much a score leans on popularity for users of whom little is known, from 0 to 1."""
    share = (FEW / (FEW + len(user.places))) ** 2
    return share if share >= LEAST_LEANING else 0.0


def scored(pool: Pool, mix: tuple[float, float, float], user: Profile, catalogue: Catalogue) -> np.ndarray:
    """(m,) the hybrid, drawn to what is popular as far as little is known of the user."""
    score, share = hybrid(pool, mix), leaning(user)
    if not share:
        return score
    own = score / max(float(score.max(initial=0.0)), 1e-12)
    return np.asarray((1 - share) * own + share * catalogue.fame[pool.places])


def feature_matrix(
    pool: Pool, score: np.ndarray, rows: np.ndarray, user: Profile, catalogue: Catalogue, at_us: int
) -> np.ndarray:
    """(r, features) of the candidates ``rows`` of the pool, known at the moment of the question."""
    places = pool.places[rows]
    authors = catalogue.authors[places].tolist()
    published = catalogue.published[places]
    age = np.where(published == NO_TIME_US, OLD_DAYS, (at_us - published.astype(np.float64)) / DAY_US)
    language = catalogue.languages[places]
    columns = (
        score[rows],
        pool.collaborative[rows],
        _ranks(pool.collaborative)[rows],
        pool.content[rows],
        _ranks(pool.content)[rows],
        pool.trend[rows],
        pool.fresh[rows],
        np.log1p(catalogue.popularity[places]),
        np.log1p(catalogue.users[places]),
        np.clip(age, 0.0, OLD_DAYS),
        np.array([user.authors.get(code, 0.0) for code in authors]),
        np.array([user.categories.get(code, 0.0) for code in catalogue.categories[places].tolist()]),
        np.array([float(code in user.followed) for code in authors]),
        (language == user.language) & (language >= 0),
        np.full(len(rows), len(user.places)),
    )
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1).reshape(-1, len(FEATURES))


def head(pool: Pool, score: np.ndarray, least: int) -> np.ndarray:
    """(r,) rows of the pool that are worth ordering anew, the best by ``score`` first: the best of each source
    are among them, whatever the hybrid thinks of that source.

    Args:
        pool: the candidates.
        score: (m,) by which the hybrid orders them.
        least: so many of the best by ``score`` at least.
    """
    parts = (
        strongest(score, max(BY_HYBRID, least)),
        strongest(pool.collaborative, BY_PEOPLE),
        strongest(pool.content, BY_CONTENT) if pool.content.any() else np.zeros(0, np.int64),
    )
    rows = np.unique(np.concatenate(parts))
    return rows[np.lexsort((pool.places[rows], -score[rows]))]


class Ranker:
    """The order of a pool: the hybrid with the shares ``mix``, or a fitted re-ranker over its best candidates,
    of which ``text`` is LightGBM's own form.
    """

    def __init__(self, mix: tuple[float, float, float], text: str | None) -> None:
        self.mix = mix
        self.text = text
        self.booster = FastBooster(text) if text else None

    def order(
        self, pool: Pool, user: Profile, catalogue: Catalogue, at_us: int, least: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(rows of the pool in order, the score of each of them).

        Args:
            pool: the candidates.
            user: who asks.
            catalogue: of the items.
            at_us: the moment of the question.
            least: so many rows at least are in order; there may be fewer than the pool has.
        """
        score = scored(pool, self.mix, user, catalogue)
        if self.booster is None:
            order = np.lexsort((pool.places, -score))
            return order, score[order]
        rows = head(pool, score, least)
        learned = self.booster.raw_batch(feature_matrix(pool, score, rows, user, catalogue, at_us))
        again = np.lexsort((np.arange(len(rows)), -learned))
        rest = np.setdiff1d(np.arange(len(pool)), rows)
        rest = rest[np.lexsort((pool.places[rest], -score[rest]))]
        # one scale: the learned scores, and behind them what was not worth a look
        shown = 1 / (1 + np.exp(-learned[again]))
        behind = score[rest] * (shown[-1] if len(shown) else 1.0) / max(score[rest].max(initial=0.0), 1e-12)
        return np.concatenate([rows[again], rest]), np.concatenate([shown, behind])


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(m,) 1 / rank by score, 0 where the score is 0."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return np.where(scores > 0, 1 / ranks, 0.0)
