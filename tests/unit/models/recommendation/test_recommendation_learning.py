"""Fitting, measuring, and the files of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from config.errors import ModelInvalid, TrainingError
from models.recommendation import FAMILY
from models.recommendation.evaluation import Lists
from models.recommendation.files import FACTS_FILE
from models.recommendation.schema import EXAMPLE_SCHEMA
from tests.recommendation_taste_world import (
    OPTIONS,
    SEED,
    asked,
    examples,
    fitted,
    interactions,
    moment,
    sources,
)


def test_it_is_better_than_what_is_popular_beyond_chance() -> None:
    from models.comparison import compare_losses

    found = FAMILY.evaluate(fitted().predictor, fitted().test, OPTIONS, SEED)
    popular = found.baseline_losses["popularity"]
    assert compare_losses(popular, found.losses, found.groups).better
    assert found.metrics["recall_at_20"] > found.baselines["popularity"]["recall_at_20"]
    assert found.metrics["coverage"] > found.baselines["popularity"]["coverage"]
    assert found.metrics["popularity_bias"] < found.baselines["popularity"]["popularity_bias"]
    for name, (low, high) in found.intervals.items():
        assert low <= found.metrics[name] <= high
    assert found.rows == fitted().test.num_rows == len(found.losses)


def test_the_same_rows_and_seed_give_the_same_files() -> None:
    again = FAMILY.fit(fitted().train, fitted().valid, OPTIONS, {}, SEED)
    assert again.to_files() == fitted().predictor.to_files()


def test_a_loaded_model_answers_the_same_and_writes_the_same_files() -> None:
    files = fitted().predictor.to_files()
    loaded = FAMILY.load(files)
    assert loaded.to_files() == files
    test = fitted().test.slice(0, 10)
    assert loaded.predict(test) == fitted().predictor.predict(test)


@pytest.mark.parametrize("name", sorted(fitted().predictor.to_files()))
def test_a_damaged_or_absent_file_is_refused(name: str) -> None:
    files = fitted().predictor.to_files()
    damaged = files[name][: len(files[name]) // 2] + b"?" + files[name][len(files[name]) // 2 + 1 :]
    with pytest.raises(ModelInvalid):
        FAMILY.load({**files, name: damaged})
    with pytest.raises(ModelInvalid):
        FAMILY.load({key: value for key, value in files.items() if key != name})


def test_a_model_of_another_format_or_with_other_features_is_refused() -> None:
    files = fitted().predictor.to_files()
    facts = json.loads(files[FACTS_FILE])
    for change in ({"format": 99}, {"family": "ctr"}, {"features": ["other"]}):
        with pytest.raises(ModelInvalid):
            FAMILY.load({**files, FACTS_FILE: json.dumps({**facts, **change}).encode()})


def test_a_learned_order_takes_over_only_where_it_wins() -> None:
    model = fitted().predictor
    facts = model.facts["reranker"]
    if model.ranker.booster is not None:
        assert facts["ndcg_gain_of_trees"][1] > 0
    elif model.ranker.mix != OPTIONS.mix:
        assert facts["ndcg_gain_of_mix"][1] > 0
    else:
        assert facts["why"]


def test_where_content_only_misleads_people_are_believed() -> None:
    """Words are dealt out by chance: what people like together is all that there is to know."""
    world = sources(users=400, events=6_000)
    items = world["items"].drop_columns(["category", "tags", "author_id"])
    words = [f"word{at % 11} word{at % 7}" for at in np.random.default_rng(1).permutation(items.num_rows)]
    misled = items.set_column(items.schema.get_field_index("text"), "text", pa.array(words))
    found = FAMILY.collect({**world, "items": misled}, None, OPTIONS)  # type: ignore[arg-type]
    train, valid, _ = FAMILY.training_rows(found, replace(OPTIONS, test_span=timedelta(days=6)))
    model = FAMILY.fit(train, valid, OPTIONS, {}, SEED)
    assert model.facts["reranker"]["with_a_find"] >= 200
    assert model.ranker.booster is not None or model.ranker.mix[1] < OPTIONS.mix[1]
    assert FAMILY.load(model.to_files()).ranker.mix == model.ranker.mix


def test_with_few_questions_the_hybrid_goes_on() -> None:
    few = FAMILY.collect(sources(users=40, items=30, events=400), None, OPTIONS)  # type: ignore[arg-type]
    train, valid, test = FAMILY.training_rows(few, OPTIONS)
    model = FAMILY.fit(train, valid, OPTIONS, {}, SEED)
    assert model.info["ranker"] == "hybrid"
    assert "fewer than" in model.info["reranker"]["why"]
    assert FAMILY.evaluate(model, test, OPTIONS, SEED).rows == test.num_rows


def test_a_hundred_interactions_are_enough_to_begin_with() -> None:
    some = FAMILY.collect(sources(users=12, items=15, events=100), None, OPTIONS)  # type: ignore[arg-type]
    train, valid, _ = FAMILY.training_rows(some, OPTIONS)
    model = FAMILY.fit(train, valid, OPTIONS, {}, SEED)
    FAMILY.check(model.predict(FAMILY.probe(OPTIONS)), OPTIONS)


def test_without_interactions_nothing_is_fitted() -> None:
    nothing = EXAMPLE_SCHEMA.empty_table()
    with pytest.raises(TrainingError, match="no interactions"):
        FAMILY.fit(nothing, nothing, OPTIONS, {}, SEED)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(TrainingError, match="no parameter depth"):
        FAMILY.fit(fitted().train, fitted().valid, OPTIONS, {"depth": 3}, SEED)


def test_no_feature_of_a_model_changes_when_later_rows_change() -> None:
    late = interactions([(f"late{at}", moment(29.9), f"u{at}", "v1", "share", None) for at in range(150)])
    found = FAMILY.collect({"interactions": late, "items": sources()["items"].slice(0, 0)}, None, OPTIONS)  # type: ignore[arg-type]
    train, valid, _ = FAMILY.training_rows(pa.concat_tables([examples(), found]), OPTIONS)
    before, _, _ = FAMILY.training_rows(examples(), OPTIONS)
    shared = set(before["event_id"].to_pylist())
    assert not any(
        name.startswith("late") for name in train["event_id"].to_pylist() + valid["event_id"].to_pylist()
    )
    assert len(shared & set(train["event_id"].to_pylist())) > 0.9 * train.num_rows


def test_recall_and_gain_are_those_of_the_definition() -> None:
    hits = np.zeros((3, 20))
    hits[0, [0, 2]] = 1  # two of three are found, at places 1 and 3
    hits[1, 19] = 1  # one of one, at the last place
    lists = Lists(np.zeros((3, 20), int), hits, np.array([3, 1, 25]), np.zeros(3), np.array(["a", "b", "c"]))
    assert lists.recall.tolist() == pytest.approx([2 / 3, 1, 0])
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert lists.ndcg.tolist() == pytest.approx([(1 + 1 / np.log2(4)) / best, 1 / np.log2(21), 0])


def test_a_retrained_model_is_measured_on_the_same_questions_as_the_one_before() -> None:
    older = FAMILY.fit(fitted().train, fitted().valid.slice(0, 0), replace(OPTIONS, neighbours=10), {}, SEED)
    one = FAMILY.evaluate(older, fitted().test, OPTIONS, SEED)
    other = FAMILY.evaluate(fitted().predictor, fitted().test, OPTIONS, SEED)
    assert (one.groups == other.groups).all()
    assert older.recommend(asked())
