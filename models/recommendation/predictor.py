"""The fitted recommender behind ``recommend``, ``rank`` and ``similar``; safe in many threads."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.recommendation.candidates import DAY_US, Pool, Sources, consider, new_items, propose
from models.recommendation.catalogue import NO_TIME_US, Catalogue
from models.recommendation.content import ContentEncoder, nearest
from models.recommendation.diversity import spread
from models.recommendation.files import to_files
from models.recommendation.neighbours import Neighbours, strongest
from models.recommendation.options import RecommendationOptions
from models.recommendation.profile import Profile, profile
from models.recommendation.question import (
    COLLABORATIVE,
    CONTENT,
    EMPTY_BOARD,
    EXPLORATION,
    FOLLOWED,
    ITEM_KINDS,
    POPULAR,
    TRENDING,
    Board,
    Interaction,
    Question,
)
from models.recommendation.ranking import FEATURES, Ranker, feature_matrix, hybrid
from models.recommendation.reasons import UNKNOWN, reason

#: From a list so long on, some places are for exploration.
LEAST_FOR_EXPLORATION = 5
Answer = dict[str, Any]


@dataclass(frozen=True)
class Trends:
    """(n,) how strongly each item trends, and for each kind the places of those that do, the strongest first."""

    values: np.ndarray
    ranked: list[np.ndarray]


class RecommendationPredictor:
    """What users may like, out of their history alone: nothing of any user is in the model."""

    def __init__(
        self,
        sources: Sources,
        encoder: ContentEncoder,
        ranker: Ranker,
        options: RecommendationOptions,
        facts: Mapping[str, Any],
    ) -> None:
        self.options = options
        self.sources = sources
        self.encoder = encoder
        self.ranker = ranker
        self.facts = dict(facts)
        self._own = _trends(sources.catalogue, sources.catalogue.trend)
        self._board: tuple[Board, Trends] = (EMPTY_BOARD, self._own)

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        return self.sources.catalogue

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, sizes, options, features, how the ranker was chosen, library versions."""
        return {
            **self.facts,
            "family": "recommendation",
            "classes": list(ITEM_KINDS),
            "features": list(FEATURES),
            "options": self.options.describe(),
            "items": len(self.catalogue),
            "ranker": "learned" if self.ranker.booster else "hybrid",
        }

    def knows(self, item_id: str) -> bool:
        """Whether anything is known of an item."""
        return item_id in self.catalogue.places

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[Answer]:
        """Answer each row of ``QUESTION_SCHEMA``: ``{"items": [...]}``, each with reasons if ``explain``."""
        return [
            {"items": self._recommend(question, EMPTY_BOARD, explained=bool(explain))}
            for question in questions_of(examples, 20)
        ]

    def recommend(self, question: Question, board: Board = EMPTY_BOARD) -> list[Answer]:
        """Items for a user, the best first: ``id``, ``kind``, ``score``, ``source``, ``reason``, ``because``
        (the item of the history that speaks for it, and what was done to it) and ``author_id``.

        What the user has seen within the options' window, what is excluded and what was removed does not come;
        of one author no more than ``author_run`` follow one another; some places are for new items.
        """
        return self._recommend(question, board, explained=True)

    def recommend_ids(self, question: Question) -> list[str]:
        """The ids of :meth:`recommend`, in less time."""
        return [answer["id"] for answer in self._recommend(question, EMPTY_BOARD, explained=False)]

    def rank(self, question: Question, items: Sequence[str], board: Board = EMPTY_BOARD) -> list[Answer]:
        """The same for given items, each once, the best first; unknown ones come last, without a score."""
        asked = list(dict.fromkeys(items))
        known = [name for name in asked if self.knows(name)]
        user = profile(question, self.catalogue, self.options)
        trends = self._trends(board)
        places = np.sort(np.array([self.catalogue.places[name] for name in known], np.int64))
        pool = consider(self.sources, user, trends.values, places, at_us=question.at_us)
        order, scores = self.ranker.order(pool, user, self.catalogue, question.at_us, len(pool))
        answers = self._answers(pool, order, scores, user, explained=True)
        return answers + [_unknown(name) for name in asked if not self.knows(name)]

    def similar(self, item_id: str, count: int, item_kind: str | None = None) -> list[Answer] | None:
        """Items that the same people like, or that are about the same; None of an unknown item."""
        place = self.catalogue.places.get(item_id)
        if place is None:
            return None
        kind = int(self.catalogue.kinds[place]) if item_kind is None else ITEM_KINDS.index(item_kind)
        user = Profile(np.array([place]), np.ones(1), ("like",), np.array([place]))
        nothing = np.zeros(len(self.catalogue))
        pool = propose(self.sources, user, nothing, np.zeros(0, np.int64), kind=kind, at_us=0, count=count)
        scores = hybrid(pool, (0.6, 0.4, 0.0))
        order = strongest(scores, count)
        return self._answers(pool, order, scores[order], user, explained=True)

    def with_live(self, items: Sequence[Mapping[str, Any]]) -> RecommendationPredictor:
        """A predictor that also knows ``items`` (``id``, ``kind``, and maybe ``author_id``, ``text``, ``tags``,
        ``category``, ``language``, ``published_us``, ``removed``), such as those published since the training:
        by their content, their author and that they are new. Known ones are only taken down or put back.
        """
        before = len(self.catalogue)
        catalogue = self.catalogue.extended(items)
        told = {row["id"]: row for row in items}
        fresh = self.encoder.encode([told[name] for name in catalogue.ids[before:]])
        sources = Sources(
            catalogue,
            self.sources.collaborative,
            Neighbours.joined([self.sources.content, nearest(fresh, self.sources.vectors)]),
            np.concatenate([self.sources.vectors, fresh]),
        )
        return RecommendationPredictor(sources, self.encoder, self.ranker, self.options, self.facts)

    def user_features(self, question: Question) -> Answer:
        """What a history says of its user, JSON-ready."""
        user = profile(question, self.catalogue, self.options)
        names = self.catalogue
        strongest_first = np.argsort(-user.weights, kind="stable")[:20]
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
                for row in strongest_first
            ],
        }

    def item_features(self, item_id: str) -> Answer | None:
        """What the model knows of an item, JSON-ready; None of an unknown one."""
        place = self.catalogue.places.get(item_id)
        if place is None:
            return None
        names = self.catalogue
        published = int(names.published[place])
        return {
            "item_id": item_id,
            "kind": ITEM_KINDS[names.kinds[place]],
            "title": names.titles[place],
            "author_id": names.author_names.value(int(names.authors[place])),
            "category": names.category_names.value(int(names.categories[place])),
            "language": names.language_names.value(int(names.languages[place])),
            "published_us": None if published == NO_TIME_US else published,
            "popularity": float(names.popularity[place]),
            "users": int(names.users[place]),
            "trend": float(names.trend[place]),
            "removed": not bool(names.alive[place]),
            "trained_on": place < self.sources.trained,
            "related_by_people": self.sources.collaborative.count(place),
            "related_by_content": self.sources.content.count(place),
        }

    def interaction_features(self, question: Question, item_id: str) -> Answer | None:
        """The features by which an item would be ranked for a user, JSON-ready; None of an unknown item."""
        place = self.catalogue.places.get(item_id)
        if place is None:
            return None
        user = profile(question, self.catalogue, self.options)
        trends = self._trends(EMPTY_BOARD)
        pool = consider(self.sources, user, trends.values, np.array([place]), at_us=question.at_us)
        score = hybrid(pool, self.options.mix)
        row = feature_matrix(pool, score, np.zeros(1, np.int64), user, self.catalogue, question.at_us)[0]
        return {
            "user_id": question.user_id,
            "item_id": item_id,
            "seen": place in user.seen,
            **dict(zip(FEATURES, row.tolist(), strict=True)),
        }

    def to_files(self) -> dict[str, bytes]:
        """The model as named files of plain data: arrays, texts and JSON."""
        return to_files(self)

    def pool(self, question: Question, board: Board = EMPTY_BOARD) -> tuple[Pool, Profile]:
        """The candidates for a question, and who asks."""
        user = profile(question, self.catalogue, self.options)
        trends, kind = self._trends(board), ITEM_KINDS.index(question.item_kind)
        ranked = trends.ranked[kind]
        if not len(ranked) and not len(user.places):
            ranked = self.catalogue.popular[kind]
        pool = propose(
            self.sources,
            user,
            trends.values,
            ranked,
            kind=kind,
            at_us=question.at_us,
            count=question.count,
        )
        if len(pool) < question.count:
            pool = self._filled(pool, question, user, trends, kind)
        return pool, user

    def _recommend(self, question: Question, board: Board, *, explained: bool) -> list[Answer]:
        pool, user = self.pool(question, board)
        kind = ITEM_KINDS.index(question.item_kind)
        order, scores = self.ranker.order(pool, user, self.catalogue, question.at_us, 2 * question.count)
        order, scores = _for_context(order, scores, pool, user, self.catalogue, question)
        authors = self.catalogue.authors[pool.places[order]].tolist()
        kept = spread(
            range(len(order)), [code if code >= 0 else None for code in authors], self.options.author_run,
            question.count,
        )  # fmt: skip
        chosen = np.array(kept, np.int64)
        answers = self._answers(pool, order[chosen], scores[chosen], user, explained=explained)
        return self._explored(answers, question, user, kind, explained=explained)

    def _filled(self, pool: Pool, question: Question, user: Profile, trends: Trends, kind: int) -> Pool:
        """A pool that is too short, with what is popular and what is new: who asks for a list gets one."""
        names = self.catalogue
        most = 4 * question.count + len(user.seen)
        popular, newest = names.popular[kind][:most], names.newest[kind][:most]
        more = np.concatenate([popular, newest[names.published[newest] <= question.at_us]])
        places = np.unique(np.concatenate([pool.places, more[names.alive[more] & ~np.isin(more, user.seen)]]))
        return consider(self.sources, user, trends.values, places, at_us=question.at_us)

    def _explored(
        self, answers: list[Answer], question: Question, user: Profile, kind: int, *, explained: bool
    ) -> list[Answer]:
        """The list with some of its places given to new items: the last of each stretch of places."""
        if question.count < LEAST_FOR_EXPLORATION:
            return answers
        slots = round(self.options.exploration * question.count)
        seed = zlib.crc32(f"{question.user_id}|{question.at_us // DAY_US}".encode())
        there = {answer["id"] for answer in answers}
        found = new_items(
            self.sources, user, kind=kind, at_us=question.at_us, count=slots + len(there) if slots else 0,
            noise=np.random.default_rng(seed),
        )  # fmt: skip
        fresh = [place for place in found.tolist() if self.catalogue.ids[place] not in there][:slots]
        if not fresh:
            return answers
        kept = answers[: question.count - len(fresh)]
        step = max(question.count // len(fresh), 1)
        for number, place in enumerate(fresh, start=1):
            answer = self._answer(place, kept[-1]["score"] if kept else 0.0, EXPLORATION, None, user, explained)
            kept.insert(min(number * step - 1, len(kept)), answer)
        return kept

    def _answers(
        self, pool: Pool, rows: np.ndarray, scores: np.ndarray, user: Profile, *, explained: bool
    ) -> list[Answer]:
        places = pool.places[rows]
        if not explained:
            return [
                {"id": self.catalogue.ids[place], "score": score}
                for place, score in zip(places.tolist(), scores.tolist(), strict=True)
            ]
        why = _sources(pool, rows, self.ranker.mix)
        items = len(self.catalogue)
        by_people = pool.collaborative_terms.best_row(places, items)
        by_content = pool.content_terms.best_row(places, items)
        answers = []
        for place, score, source in zip(places.tolist(), scores.tolist(), why, strict=True):
            row = (by_people if source == COLLABORATIVE else by_content).get(place)
            answers.append(self._answer(place, score, source, row, user, explained))
        return answers

    def _answer(
        self, place: int, score: float, source: str, row: int | None, user: Profile, explained: bool
    ) -> Answer:
        names = self.catalogue
        answer: Answer = {"id": names.ids[place], "score": float(score)}
        if not explained:
            return answer
        because = None
        if row is not None and source in (COLLABORATIVE, CONTENT):
            origin = int(user.places[row])
            because = {"item_id": names.ids[origin], "kind": user.kinds[row]}
        author = names.author_names.value(int(names.authors[place]))
        return {
            **answer,
            "kind": ITEM_KINDS[names.kinds[place]],
            "source": source,
            "reason": reason(
                source,
                kind=because["kind"] if because else None,
                title=(names.titles[names.places[because["item_id"]]] or because["item_id"])
                if because
                else None,
                author=author if source == FOLLOWED else None,
                category=names.category_names.value(int(names.categories[place])),
                language=names.language_names.value(int(names.languages[place])),
            ),
            "because": because,
            "author_id": author,
        }

    def _trends(self, board: Board) -> Trends:
        """The board's trends at this predictor's places: made once for each board."""
        known, trends = self._board
        if known is board:
            return trends
        values = np.zeros(len(self.catalogue))
        places = self.catalogue.places
        for name, value in board.trending.items():
            if name in places:
                values[places[name]] = value
        trends = _trends(self.catalogue, values) if board.trending else self._own
        self._board = (board, trends)
        return trends


def questions_of(examples: pa.Table, count: int) -> list[Question]:
    """Rows of ``QUESTION_SCHEMA`` as questions for ``count`` items each."""
    return [
        Question(
            user_id=row["user_id"],
            at_us=row["at"],
            history=[
                Interaction(*one)
                for one in zip(
                    row["history_items"],
                    row["history_kinds"],
                    row["history_at"],
                    row["history_shares"],
                    strict=True,
                )
            ],
            count=count,
            item_kind=row["item_kind"],
            language=row["language"],
            region=row["region"],
            category=row["category"],
        )
        for row in _rows(examples)
    ]


def _rows(examples: pa.Table) -> list[dict[str, Any]]:
    moments = examples["at"].cast(pa.int64())
    plain = examples.set_column(examples.schema.get_field_index("at"), "at", moments)
    rows: list[dict[str, Any]] = plain.to_pylist()
    return rows


def _trends(catalogue: Catalogue, values: np.ndarray) -> Trends:
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0]
    return Trends(values, [order[catalogue.kinds[order] == kind] for kind in range(len(ITEM_KINDS))])


def _sources(pool: Pool, rows: np.ndarray, mix: tuple[float, float, float]) -> list[str]:
    """Where each candidate came from: the source that gives it most."""
    parts = np.stack(
        [
            mix[0] * pool.collaborative[rows],
            mix[1] * pool.content[rows],
            mix[2] * pool.trend[rows],
            mix[2] * pool.fresh[rows],
        ]
    )
    names = (COLLABORATIVE, CONTENT, TRENDING, FOLLOWED)
    most = parts.argmax(axis=0).tolist() if len(rows) else []
    return [names[at] if parts[at, row] > 0 else POPULAR for row, at in enumerate(most)]


def _for_context(
    order: np.ndarray, scores: np.ndarray, pool: Pool, user: Profile, catalogue: Catalogue, question: Question
) -> tuple[np.ndarray, np.ndarray]:
    """For users of whom nothing is known: what is popular first, and before all else what is of the language and
    the category that was asked for.
    """
    if len(user.places):
        return order, scores
    places = pool.places[order]
    category = catalogue.category_names.code(question.category)
    fits = (
        1.0
        + 2.0 * ((catalogue.categories[places] == category) & (category >= 0))
        + 1.0 * ((catalogue.languages[places] == user.language) & (user.language >= 0))
    )
    popularity = catalogue.popularity[places] / max(float(catalogue.popularity.max(initial=0.0)), 1e-12)
    again = fits * (pool.trend[order] + popularity + pool.fresh[order] + 1e-6)
    best = np.lexsort((places, -again))
    return order[best], again[best] / max(float(again.max(initial=0.0)), 1e-12)


def _named(shares: Mapping[int, float], name: Any) -> dict[str, float]:
    best = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:10]
    return {name(code): share for code, share in best}


def _unknown(item_id: str) -> Answer:
    return {
        "id": item_id, "score": None, "kind": None, "source": UNKNOWN, "reason": reason(UNKNOWN), "because": None,
        "author_id": None,
    }  # fmt: skip
