"""An order learned from what users did next, and whether it is better than the hybrid.

Two are tried: other shares of the same hybrid, and LambdaRank (Burges 2010) by LightGBM over the best
candidates of each question. Both are fitted on one half of the users and judged on the other, and the better
one takes the hybrid's place only if it is better there beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import TrainingError
from models.comparison import Comparison, compare_losses
from models.recommendation.candidates import Pool
from models.recommendation.catalogue import Catalogue
from models.recommendation.evaluation import TOP
from models.recommendation.predictor import RecommendationPredictor, questions_of
from models.recommendation.profile import Profile
from models.recommendation.ranking import FEATURES, feature_matrix, head, scored
from models.splits import bucket

#: More questions than this teach no more, and fewer with a find teach nothing.
MOST_QUESTIONS, FEWEST_QUESTIONS = 4_000, 200
#: Fewer cells than this are done sooner by one thread, above all on a busy machine.
MANY_CELLS = 20_000_000
_HALVES_SALT = "recommendation re-ranker"
Mix = tuple[float, float, float]
#: Shares of collaborative filtering, content and trending that are tried in place of the settings'.
MIXES: tuple[Mix, ...] = (
    (1.0, 0.0, 0.0), (0.9, 0.1, 0.0), (0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.6, 0.4, 0.0), (0.2, 0.6, 0.2),
    (0.2, 0.2, 0.6),
)  # fmt: skip
_DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))


@dataclass(frozen=True)
class Lesson:
    """One question: who asked, the pool of candidates and (m,) which of them are finds; (r,) the rows of the
    pool that a re-ranker orders and (r, features) of them; how many finds there were to make.
    """

    user: str
    profile: Profile
    pool: Pool
    finds: np.ndarray
    rows: np.ndarray
    matrix: np.ndarray
    wanted: int


@dataclass(frozen=True)
class Learned:
    """LightGBM's text, or None; the shares of the hybrid, or None where the settings' go on; and what was found
    about both.
    """

    text: str | None
    mix: Mix | None
    facts: dict[str, Any]


def learn(
    predictor: RecommendationPredictor, questions: pa.Table, params: Mapping[str, Any], seed: int
) -> Learned:
    """An order of the candidates of ``predictor``, which must not know what the questions ask for."""
    catalogue, own = predictor.catalogue, predictor.options.mix
    lessons = [one for one in _lessons(predictor, questions.slice(0, MOST_QUESTIONS)) if one.finds.any()]
    facts: dict[str, Any] = {"questions": questions.num_rows, "with_a_find": len(lessons)}
    if len(lessons) < FEWEST_QUESTIONS:
        return Learned(None, None, {**facts, "why": f"fewer than {FEWEST_QUESTIONS} questions with a find"})
    first = [one for one in lessons if bucket(one.user, _HALVES_SALT) < 50]
    second = [one for one in lessons if bucket(one.user, _HALVES_SALT) >= 50]
    before = _hybrid_losses(second, own, catalogue)
    mix = min(MIXES, key=lambda one: float(_hybrid_losses(first, one, catalogue).mean()))
    mixed = _compared(before, _hybrid_losses(second, mix, catalogue), second, seed)
    learned = _compared(before, _learned_losses(_grow(first, params, seed), second), second, seed)
    facts |= {
        "mix": list(mix),
        "ndcg_gain_of_mix": [mixed.difference, mixed.low, mixed.high],
        "ndcg_gain_of_trees": [learned.difference, learned.low, learned.high],
    }
    if learned.better and learned.difference >= mixed.difference:
        return Learned(str(_grow(lessons, params, seed).model_to_string()), None, facts)
    if mixed.better:
        return Learned(None, mix, facts)
    return Learned(None, None, {**facts, "why": "nothing is better than the hybrid beyond chance"})


def _lessons(predictor: RecommendationPredictor, questions: pa.Table) -> list[Lesson]:
    catalogue = predictor.catalogue
    lessons = []
    for question, truth in zip(questions_of(questions, TOP), questions["truth"].to_pylist(), strict=True):
        pool, user = predictor.pool(question)
        wanted = {catalogue.places[name] for name in truth if name in catalogue.places}
        finds = np.array([place in wanted for place in pool.places.tolist()], bool)
        score = scored(pool, predictor.options.mix, user, catalogue)
        rows = head(pool, score, 2 * TOP)
        matrix = feature_matrix(pool, score, rows, user, catalogue, question.at_us)
        lessons.append(Lesson(question.user_id, user, pool, finds, rows, matrix, len(wanted)))
    return lessons


def _grow(lessons: list[Lesson], params: Mapping[str, Any], seed: int) -> Any:
    import lightgbm

    matrix = np.concatenate([one.matrix for one in lessons])
    data = lightgbm.Dataset(
        matrix,
        np.concatenate([one.finds[one.rows] for one in lessons]).astype(np.int32),
        group=[len(one.rows) for one in lessons],
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


def _hybrid_losses(lessons: list[Lesson], mix: Mix, catalogue: Catalogue) -> np.ndarray:
    losses = []
    for one in lessons:
        order = np.lexsort((one.pool.places, -scored(one.pool, mix, one.profile, catalogue)))
        losses.append(1 - _ndcg(one.finds[order], one.wanted))
    return np.array(losses)


def _learned_losses(booster: Any, lessons: list[Lesson]) -> np.ndarray:
    losses = []
    for one in lessons:
        order = np.lexsort(
            (np.arange(len(one.rows)), -booster.predict(one.matrix, raw_score=True, num_threads=1))
        )
        losses.append(1 - _ndcg(one.finds[one.rows[order]], one.wanted))
    return np.array(losses)


def _compared(before: np.ndarray, after: np.ndarray, lessons: list[Lesson], seed: int) -> Comparison:
    return compare_losses(before, after, np.array([one.user for one in lessons]), seed=seed)


def _ndcg(finds: np.ndarray, wanted: int) -> float:
    head = finds[:TOP]
    return float(head @ _DISCOUNT[: len(head)] / _DISCOUNT[: min(wanted, TOP)].sum())
