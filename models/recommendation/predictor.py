"""The fitted recommender behind ``recommend``, ``rank`` and ``similar``; safe in many threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from models.recommendation import describing
from models.recommendation.candidates import DAY_US, Pool, Sources, consider, propose
from models.recommendation.catalogue import Catalogue
from models.recommendation.content import ContentEncoder, nearest
from models.recommendation.files import to_files
from models.recommendation.neighbours import Neighbours, strongest
from models.recommendation.options import RecommendationOptions
from models.recommendation.profile import Profile, Tastes
from models.recommendation.question import EMPTY_BOARD, ITEM_KINDS, Board, Interaction, Question
from models.recommendation.ranking import FEATURES, Ranker, hybrid
from models.recommendation.selecting import NOTHING, Chosen, Trends, candidates, choose
from models.recommendation.wording import answers, as_similar, unknown

#: What is similar to an item: by people and by content. What trends is not for that.
SIMILAR_MIX = (0.6, 0.4, 0.0)
PREDICTED = 20
#: What trended at the end of the training is over so long after it.
TREND_SPAN_US = 2 * DAY_US
Answer = dict[str, Any]


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
        self.tastes = Tastes(sources.catalogue, options)
        self._own = Trends.of(sources.catalogue, sources.catalogue.trend)
        self._none = Trends.of(sources.catalogue, np.zeros(len(sources.catalogue)))
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
            "ranker": "trees" if self.ranker.booster else "hybrid",
            "mix": list(self.ranker.mix),
        }

    def knows(self, item_id: str) -> bool:
        """Whether anything is known of an item."""
        return item_id in self.catalogue.places

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[Answer]:
        """Answer each row of ``QUESTION_SCHEMA``: ``{"items": [...]}``, as :meth:`recommend` gives them. Why is
        part of every answer, so that ``explain`` adds nothing.
        """
        del explain
        return [{"items": self.recommend(question)} for question in questions_of(examples, PREDICTED)]

    def recommend(self, question: Question, board: Board = EMPTY_BOARD) -> list[Answer]:
        """Items for a user, the best first: ``id``, ``kind``, ``score``, ``source``, ``reason``, ``because``
        (the item of the history that speaks for it, and what was done to it) and ``author_id``.

        What the user has seen within the options' window, what is excluded and what was removed does not come;
        of one author no more than ``author_run`` follow one another; some places are for new items.
        """
        return answers(self.choose(question, board), self.catalogue, self.ranker.mix)

    def choose(self, question: Question, board: Board = EMPTY_BOARD) -> Chosen:
        """The same list, as places and scores."""
        trends = self._trends(board, question.at_us)
        return choose(self.sources, self.tastes, self.options, self.ranker, question, trends)

    def pool(self, question: Question, board: Board = EMPTY_BOARD) -> tuple[Pool, Profile]:
        """The candidates for a question, and who asks."""
        return candidates(self.sources, self.tastes, question, self._trends(board, question.at_us))

    def rank(self, question: Question, items: Sequence[str], board: Board = EMPTY_BOARD) -> list[Answer]:
        """The same for given items, each once, the best first; unknown ones come last, without a score."""
        asked = list(dict.fromkeys(items))
        places = np.array(sorted(self.catalogue.places[name] for name in asked if self.knows(name)), np.int64)
        user = self.tastes.profile(question)
        trends = self._trends(board, question.at_us)
        pool = consider(self.sources, user, trends.values, places, at_us=question.at_us)
        order, scores = self.ranker.order(pool, user, self.catalogue, question.at_us, len(pool))
        chosen = Chosen(pool.places[order], scores, order, pool, user)
        known = answers(chosen, self.catalogue, self.ranker.mix)
        return known + [unknown(name) for name in asked if not self.knows(name)]

    def similar(self, item_id: str, count: int, item_kind: str | None = None) -> list[Answer] | None:
        """Items that the same people like, or that are about the same; None of an unknown item."""
        place = self.catalogue.places.get(item_id)
        if place is None:
            return None
        kind = int(self.catalogue.kinds[place]) if item_kind is None else ITEM_KINDS.index(item_kind)
        user = Profile(np.array([place]), np.ones(1), ("like",), np.array([place]))
        quiet = np.zeros(len(self.catalogue))
        pool = propose(self.sources, user, quiet, NOTHING, NOTHING, kind=kind, at_us=0, count=count)
        scores = hybrid(pool, SIMILAR_MIX)
        order = strongest(scores, count)
        chosen = Chosen(pool.places[order], scores[order], order, pool, user)
        title = self.catalogue.titles[place]
        return [as_similar(answer, title) for answer in answers(chosen, self.catalogue, SIMILAR_MIX)]

    def with_live(self, items: Sequence[Mapping[str, Any]]) -> RecommendationPredictor:
        """A predictor that also knows ``items`` (``id``, ``kind``, and maybe ``author_id``, ``text``, ``tags``,
        ``category``, ``language``, ``published_us``, ``removed``), such as those published since the training:
        by their content, their author and that they are new. Known ones are only taken down or put back.
        """
        before = len(self.catalogue)
        catalogue = self.catalogue.extended(items)
        told = {row["id"]: row for row in items}
        standing = self.catalogue.standing
        fresh = self.encoder.encode([told[name] for name in catalogue.ids[before:]])
        sources = Sources(
            catalogue,
            self.sources.collaborative,
            Neighbours.joined([self.sources.content, nearest(fresh, self.sources.vectors).scaled(standing)]),
            np.concatenate([self.sources.vectors, fresh]),
        )
        return RecommendationPredictor(sources, self.encoder, self.ranker, self.options, self.facts)

    def user_features(self, question: Question) -> Answer:
        """What a history says of its user, JSON-ready."""
        return describing.user_features(question, self.tastes.profile(question), self.sources)

    def item_features(self, item_id: str) -> Answer | None:
        """What the model knows of an item, JSON-ready; None of an unknown one."""
        return describing.item_features(item_id, self.sources)

    def interaction_features(self, question: Question, item_id: str) -> Answer | None:
        """The features by which an item would be ranked for a user, JSON-ready; None of an unknown item."""
        user = self.tastes.profile(question)
        return describing.interaction_features(
            question, user, item_id, self.sources, self.options, self._own.values
        )

    def to_files(self) -> dict[str, bytes]:
        """The model as named files of plain data: arrays, texts and JSON."""
        return to_files(self)

    def _trends(self, board: Board, at_us: int) -> Trends:
        """The board's trends at this predictor's places: made once for each board. Without any, those of the
        end of the training, at a moment when they still stand: not before, and not when they are over.
        """
        if not board.trending:
            until = self.facts.get("until_us")
            stands = until is None or until <= at_us <= until + TREND_SPAN_US
            return self._own if stands else self._none
        known, trends = self._board
        if known is board:
            return trends
        values = np.zeros(len(self.catalogue))
        places = self.catalogue.places
        for name, value in board.trending.items():
            if name in places:
                values[places[name]] = value
        trends = Trends.of(self.catalogue, values)
        self._board = (board, trends)
        return trends


def questions_of(examples: pa.Table, count: int) -> list[Question]:
    """Rows of ``QUESTION_SCHEMA`` as questions for ``count`` items each."""
    moments = examples["at"].cast(pa.int64())
    plain = examples.set_column(examples.schema.get_field_index("at"), "at", moments)
    return [_question(row, count) for row in plain.to_pylist()]


def _question(row: Mapping[str, Any], count: int) -> Question:
    parts = (row["history_items"], row["history_kinds"], row["history_at"], row["history_shares"])
    return Question(
        user_id=row["user_id"],
        at_us=row["at"],
        history=[Interaction(*one) for one in zip(*parts, strict=True)],
        exclude=frozenset(row["exclude"] or ()),
        count=count,
        item_kind=row["item_kind"],
        language=row["language"],
        region=row["region"],
        category=row["category"],
    )
