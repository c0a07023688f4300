"""How good lists are, for users at a moment, over all items: what they did next, and what lists are like.

Recall@20 and NDCG@20 as in He et al. 2020 (LightGCN): hits of all that was to be found; the discounted gain of
the list of the best possible one. No metric is sampled (Krichene and Rendle 2020 tell why).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.family import Evaluation
from models.metrics import bootstrap, group_sums
from models.recommendation.options import RecommendationOptions
from models.recommendation.predictor import RecommendationPredictor, questions_of
from models.recommendation.question import ITEM_KINDS

TOP = 20
_CONFIDENCE = 0.95
#: Segments of users by how many interactions are known of them: name, from, to.
SEGMENTS = (("cold", 0, 1), ("light", 1, 5), ("regular", 5, 20), ("heavy", 20, None))
_DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))
_BEST = np.concatenate([[1.0], np.cumsum(_DISCOUNT)])


@dataclass(frozen=True)
class Lists:
    """Lists of places (q, TOP), -1 where a list is shorter, and which of them are hits (q, TOP); (q,) how many
    were to be found; (q,) how long the history is; (q,) whose.
    """

    places: np.ndarray
    hits: np.ndarray
    wanted: np.ndarray
    known: np.ndarray
    users: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        """(q,) share of what was to be found."""
        return np.asarray(self.hits.sum(axis=1) / np.maximum(self.wanted, 1))

    @property
    def ndcg(self) -> np.ndarray:
        """(q,) discounted gain, as a share of the best possible one."""
        return np.asarray(self.hits @ _DISCOUNT / _BEST[np.minimum(self.wanted, TOP)].clip(1e-12))


def evaluate(
    predictor: RecommendationPredictor, test: pa.Table, options: RecommendationOptions, seed: int
) -> Evaluation:
    """Measure a predictor on questions (``QUESTION_SCHEMA``), beside the most popular items.

    The loss of a question is 1 - NDCG@20; resampling draws whole users.
    """
    del options
    own = lists_of(predictor, test)
    popular = popular_lists(predictor, test)
    measured, intervals = figures(predictor, own, seed)
    baseline, baseline_intervals = figures(predictor, popular, seed)
    return Evaluation(
        metrics=measured,
        intervals=intervals,
        baselines={"popularity": baseline},
        classes=(),
        confusion=np.zeros((0, 0), np.int64),
        calibration=[],
        losses=1 - own.ndcg,
        groups=own.users,
        baseline_losses={"popularity": 1 - popular.ndcg},
        rows=test.num_rows,
        importance=predictor.ranker.booster.gains() if predictor.ranker.booster else {},
        baseline_intervals={"popularity": baseline_intervals},
    )


def lists_of(predictor: RecommendationPredictor, test: pa.Table) -> Lists:
    """What the predictor recommends, exactly as it is asked in service."""
    places = np.full((test.num_rows, TOP), -1, np.int64)
    for row, question in enumerate(questions_of(test, TOP)):
        found = predictor.choose(question).places
        places[row, : len(found)] = found
    return _lists(predictor, places, test)


def popular_lists(predictor: RecommendationPredictor, test: pa.Table) -> Lists:
    """The most popular items that each user has not seen."""
    places = np.full((test.num_rows, TOP), -1, np.int64)
    catalogue = predictor.catalogue
    kinds = test["item_kind"].to_pylist()
    excluded = test["exclude"].to_pylist()
    for row, history in enumerate(test["history_items"].to_pylist()):
        out = (*history, *(excluded[row] or ()))
        seen = {catalogue.places[name] for name in out if name in catalogue.places}
        ranked = catalogue.popular[ITEM_KINDS.index(kinds[row])]
        head = [place for place in ranked[: TOP + len(seen)].tolist() if place not in seen][:TOP]
        places[row, : len(head)] = head
    return _lists(predictor, places, test)


def figures(
    predictor: RecommendationPredictor, lists: Lists, seed: int
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Means over questions with intervals over users, and the coverage, which is of all lists together.

    ``recall_at_20``, ``ndcg_at_20`` (also by segment of users), ``hit_rate`` (lists with a hit), ``diversity``
    (1 - mean similarity of two items of a list), ``novelty`` (mean -log2 of the share of users who know an
    item), ``popularity_bias`` (mean rank by popularity, from 0 the least to 1 the most popular item),
    ``coverage`` (share of the items that are in some list).
    """
    columns = _columns(predictor, lists)
    means = [name for name in columns if columns[name][1].any()]
    values = np.stack([part for name in means for part in columns[name]], axis=1)
    sums = group_sums(values, lists.users)

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return np.asarray(drawn[:, ::2] / np.maximum(drawn[:, 1::2], 1e-12))

    total = statistic(sums.sum(axis=0, keepdims=True))[0]
    low, high = bootstrap(sums, statistic, confidence=_CONFIDENCE, seed=seed)
    there = lists.places[lists.places >= 0]
    metrics = dict(zip(means, total.tolist(), strict=True))
    metrics["coverage"] = len(np.unique(there)) / max(len(predictor.catalogue), 1)
    return metrics, {name: (float(a), float(b)) for name, a, b in zip(means, low, high, strict=True)}


def _columns(predictor: RecommendationPredictor, lists: Lists) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each mean, (q,) the values and (q,) how much each counts; a value that does not count is 0."""
    catalogue, all_of_them = predictor.catalogue, np.ones(len(lists.users))
    there = lists.places >= 0
    filled = there.any(axis=1)
    rank = np.empty(len(catalogue))
    rank[np.argsort(catalogue.popularity, kind="stable")] = np.linspace(0, 1, len(catalogue))
    users = max(int(predictor.facts.get("users", 0)), 1)
    surprise = -np.log2((catalogue.users + 1.0) / (users + 1.0))
    columns: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "ndcg_at_20": (lists.ndcg, all_of_them),
        "recall_at_20": (lists.recall, all_of_them),
        "hit_rate": (np.asarray(lists.hits.any(axis=1), np.float64), all_of_them),
        "diversity": _diversity(predictor.sources.vectors, lists.places),
        "novelty": (_mean(surprise, lists.places), np.asarray(filled, np.float64)),
        "popularity_bias": (_mean(rank, lists.places), np.asarray(filled, np.float64)),
    }
    for name, first, end in SEGMENTS:
        known = lists.known
        inside = np.asarray((known >= first) & (known < (np.inf if end is None else end)), np.float64)
        columns[f"recall_at_20_{name}"] = (lists.recall * inside, inside)
        columns[f"ndcg_at_20_{name}"] = (lists.ndcg * inside, inside)
    return columns


def _mean(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(q,) mean of the values of the items of each list, 0 of an empty one."""
    there = places >= 0
    return np.asarray((values[places] * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1))


def _diversity(vectors: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(q,) 1 - mean cosine of two items of a list, and (q,) whether it has two with a vector."""
    found = np.where((places >= 0)[:, :, None], vectors[places], 0.0)
    sized = (np.abs(found).sum(axis=2) > 0).sum(axis=1)
    pairs = sized * (sized - 1)
    alike = (found.sum(axis=1) ** 2).sum(axis=1) - sized  # each vector has the length 1
    counts = pairs > 0
    return np.where(counts, 1 - alike / np.maximum(pairs, 1), 0.0), counts * 1.0


def _lists(predictor: RecommendationPredictor, places: np.ndarray, test: pa.Table) -> Lists:
    known = predictor.catalogue.places
    truth: Sequence[Any] = test["truth"].to_pylist()
    hits = np.zeros(places.shape)
    for row, names in enumerate(truth):
        wanted = {known[name] for name in names if name in known}
        hits[row] = [place in wanted for place in places[row].tolist()]
    return Lists(
        places=places,
        hits=hits,
        wanted=np.array([len(names) for names in truth], np.int64),
        known=np.array([len(items) for items in test["history_items"].to_pylist()], np.int64),
        users=np.asarray(test["user_id"].to_pylist(), dtype=object).astype(str),
    )
