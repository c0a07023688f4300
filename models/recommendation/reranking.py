"""A re-ranker learned from what users did next, and whether it is better than the hybrid.

LambdaRank (Burges 2010) by LightGBM over the best candidates of each question. It is fitted on one half of the
users and judged on the other, and takes the hybrid's place only if it is better there beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import TrainingError
from models.comparison import Comparison, compare_losses
from models.recommendation.evaluation import TOP
from models.recommendation.predictor import RecommendationPredictor, questions_of
from models.recommendation.ranking import FEATURES, RERANKED, feature_matrix, hybrid
from models.splits import bucket

#: More questions than this teach no more, and fewer with a find teach nothing.
MOST_QUESTIONS, FEWEST_QUESTIONS = 4_000, 200
#: Fewer cells than this are done sooner by one thread, above all on a busy machine.
MANY_CELLS = 20_000_000
_HALVES_SALT = "recommendation re-ranker"
_DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))


@dataclass(frozen=True)
class Lesson:
    """One question: (r, features) of its best candidates in the hybrid's order, (r,) whether each was a find,
    how many finds there were to make, and whose question it is.
    """

    matrix: np.ndarray
    finds: np.ndarray
    wanted: int
    user: str


@dataclass(frozen=True)
class Learned:
    """LightGBM's text, or None where the hybrid goes on; and what was found about that."""

    text: str | None
    facts: dict[str, Any]


def learn(
    predictor: RecommendationPredictor, questions: pa.Table, params: Mapping[str, Any], seed: int
) -> Learned:
    """A re-ranker over the candidates of ``predictor``, which must not know what the questions ask for."""
    lessons = [one for one in _lessons(predictor, questions.slice(0, MOST_QUESTIONS)) if one.finds.any()]
    facts: dict[str, Any] = {"questions": questions.num_rows, "with_a_find": len(lessons)}
    if len(lessons) < FEWEST_QUESTIONS:
        return Learned(None, {**facts, "why": f"fewer than {FEWEST_QUESTIONS} questions with a find"})
    first = [one for one in lessons if bucket(one.user, _HALVES_SALT) < 50]
    second = [one for one in lessons if bucket(one.user, _HALVES_SALT) >= 50]
    comparison = _judge(_grow(first, params, seed), second, seed)
    facts["ndcg_gain_over_hybrid"] = [comparison.difference, comparison.low, comparison.high]
    if not comparison.better:
        return Learned(None, {**facts, "why": "not better than the hybrid beyond chance"})
    return Learned(str(_grow(lessons, params, seed).model_to_string()), facts)


def _lessons(predictor: RecommendationPredictor, questions: pa.Table) -> list[Lesson]:
    catalogue = predictor.catalogue
    lessons = []
    for question, truth in zip(questions_of(questions, TOP), questions["truth"].to_pylist(), strict=True):
        pool, user = predictor.pool(question)
        score = hybrid(pool, predictor.options.mix)
        head = np.lexsort((pool.places, -score))[:RERANKED]
        wanted = {catalogue.places[name] for name in truth if name in catalogue.places}
        finds = np.array([place in wanted for place in pool.places[head].tolist()], bool)
        matrix = feature_matrix(pool, score, head, user, catalogue, question.at_us)
        lessons.append(Lesson(matrix, finds, len(wanted), question.user_id))
    return lessons


def _grow(lessons: list[Lesson], params: Mapping[str, Any], seed: int) -> Any:
    import lightgbm

    matrix = np.concatenate([one.matrix for one in lessons])
    data = lightgbm.Dataset(
        matrix,
        np.concatenate([one.finds for one in lessons]).astype(np.int32),
        group=[len(one.finds) for one in lessons],
        feature_name=list(FEATURES),
        params={"verbosity": -1},
    )
    settings = {
        **{name: value for name, value in params.items() if name != "trees"},
        "objective": "lambdarank",
        "lambdarank_truncation_level": TOP + 5,
        "seed": seed,
        "num_threads": 1 if matrix.size < MANY_CELLS else 0,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    try:
        return lightgbm.train(settings, data, num_boost_round=int(params["trees"]))
    except (lightgbm.basic.LightGBMError, TypeError, ValueError) as error:
        raise TrainingError(f"LightGBM refuses to train: {error}.", hint="Check the parameters.") from None


def _judge(booster: Any, lessons: list[Lesson], seed: int) -> Comparison:
    learned, before = [], []
    for one in lessons:
        order = np.lexsort((np.arange(len(one.finds)), -booster.predict(one.matrix, raw_score=True)))
        learned.append(1 - _ndcg(one.finds[order], one.wanted))
        before.append(1 - _ndcg(one.finds, one.wanted))
    users = np.array([one.user for one in lessons])
    return compare_losses(np.array(before), np.array(learned), users, seed=seed)


def _ndcg(finds: np.ndarray, wanted: int) -> float:
    head = finds[:TOP]
    return float(head @ _DISCOUNT[: len(head)] / _DISCOUNT[: min(wanted, TOP)].sum())
