"""Fit: relations between items by what people like together and by content, and who orders the candidates.

The order is decided on a stretch of time that the relations were fitted without; what is kept in the end is
fitted on all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import TrainingError
from models.columns import epoch_us
from models.fit_facts import chosen_params, library_versions
from models.recommendation.candidates import Sources
from models.recommendation.collaborative import fit_collaborative
from models.recommendation.content import fit_content, similar_items
from models.recommendation.options import RecommendationOptions
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.questions import interactions_of, questions
from models.recommendation.ranking import Ranker
from models.recommendation.reranking import Learned, learn
from models.recommendation.world import world_of

DEFAULT_PARAMS: dict[str, Any] = {
    "trees": 150,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "lambda_l2": 1.0,
}


def fit(
    train: pa.Table, valid: pa.Table, options: RecommendationOptions, params: Mapping[str, Any], seed: int
) -> RecommendationPredictor:
    """A predictor fitted to examples; the same inputs and seed give the same files.

    Args:
        train: examples: interactions, and descriptions of items.
        valid: examples of the time after, or held out; they are learned from too in the end.
        options: of the family.
        params: overrides of ``DEFAULT_PARAMS``, the re-ranker's.
        seed: of the projections and the trees.

    Raises:
        TrainingError: there are no interactions, an unknown parameter, or LightGBM refuses a value.
    """
    chosen = chosen_params("recommendation", DEFAULT_PARAMS, params)
    everything = pa.concat_tables([train, valid])
    if not interactions_of(everything).num_rows:
        raise TrainingError("There are no interactions to learn from.", hint="Send events, or import some.")
    learned = _reranker(train, valid, options, chosen, seed)
    facts = {
        "rows": {"train": train.num_rows, "valid": valid.num_rows},
        "interactions": interactions_of(everything).num_rows,
        "reranker": learned.facts,
        "params": chosen,
        "seed": seed,
        "libraries": library_versions("lightgbm", "numpy", "scipy"),
    }
    return _fitted(everything, options, Ranker(learned.mix or options.mix, learned.text), facts, seed)


def _reranker(
    train: pa.Table, valid: pa.Table, options: RecommendationOptions, params: Mapping[str, Any], seed: int
) -> Learned:
    before, after = interactions_of(train), interactions_of(valid)
    if not before.num_rows or not after.num_rows:
        return Learned(None, None, {"why": "nothing to judge it by"})
    first, last = (epoch_us(table["at"]).to_numpy() for table in (after, before))
    cut = int(first.min()) if first.min() > last.max() else None
    asked = questions(before, after, train, options, at_us=cut, split="valid")
    if not asked.num_rows:
        return Learned(None, None, {"why": "nothing to judge it by"})
    return learn(_fitted(train, options, Ranker(options.mix, None), {}, seed), asked, params, seed)


def _fitted(
    examples: pa.Table, options: RecommendationOptions, ranker: Ranker, facts: Mapping[str, Any], seed: int
) -> RecommendationPredictor:
    world = world_of(examples, options)
    encoder, vectors = fit_content(world.described, seed)
    sources = Sources(
        catalogue=world.catalogue,
        collaborative=fit_collaborative(world.liked, options.neighbours),
        # of items that are equally alike, the better known ones are liked more often by far
        content=similar_items(vectors).scaled(world.catalogue.standing),
        vectors=vectors,
    )
    newest = pc.max(interactions_of(examples)["at"].cast(pa.int64())).as_py()
    known = {**facts, "users": len(world.users), "until_us": newest}
    return RecommendationPredictor(sources, encoder, ranker, options, known)
