import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from config.errors import InputError, TrainingError
from models.ctr.evaluation import Outcomes, evaluate, measure_rates
from models.ctr.options import CtrOptions
from models.ctr.training import fit
from models.metrics import group_sums
from tests.ctr_learning_world import predictor, with_column, world

OPTIONS = CtrOptions()


def _none(table):
    return table.slice(0, 0)


def test_it_learns_more_than_the_base_rate_and_ranks_the_arms_of_a_test():
    _, test, rates = world()
    found = evaluate(predictor(), test, OPTIONS, 5)
    assert found.intervals["skill"][0] > 0.01
    assert found.intervals["best_arm"][0] > found.metrics["best_arm_chance"]
    mean, _ = predictor().rates(test)
    assert np.corrcoef(mean, rates)[0, 1] > 0.6


def test_predicted_clicks_sum_to_the_observed_ones_and_intervals_hold_what_they_say():
    _, test, rates = world()
    found = evaluate(predictor(), test, OPTIONS, 5)
    low, high = found.intervals["calibration"]
    assert low < 1 < high
    assert 0.82 < found.metrics["coverage_90"] < 0.97
    answers = predictor().predict(test)
    inside = [row["ctr_low"] <= rate <= row["ctr_high"] for row, rate in zip(answers, rates, strict=True)]
    assert 0.82 < np.mean(inside) < 0.97


def test_an_evaluation_has_what_the_gate_and_the_report_need():
    test = world()[1]
    found = evaluate(predictor(), test, OPTIONS, 5)
    assert set(found.baselines) == set(found.baseline_losses) == {"base rate", "heuristic", "past rate"}
    assert found.rows == len(found.losses) == len(found.groups) == test.num_rows == found.confusion.sum()
    assert found.losses.mean() == pytest.approx(found.metrics["log_loss"])
    assert found.baselines["base rate"]["skill"] == 0.0
    assert sum(found.importance.values()) == pytest.approx(1)
    for name, value in found.metrics.items():
        low, high = found.intervals[name]
        assert low <= value <= high, name
    assert sum(point["rows"] for point in found.calibration) == test.num_rows


def test_the_best_arm_is_judged_by_clips_and_ties_share_their_pick():
    rows = Outcomes(
        shown=np.array([100.0, 100, 100, 100, 50]),
        clicks=np.array([5.0, 1, 1, 9, 1]),
        entities=np.array(["a", "a", "b", "b", "alone"], dtype=object),
        clips=np.array(["1", "2", "1", "2", "3"], dtype=object),
    )
    sure = measure_rates(rows, np.array([0.05, 0.01, 0.02, 0.01, 0.02]), 0.03, OPTIONS, seed=1).metrics
    tied = measure_rates(rows, np.full(5, 0.03), 0.03, OPTIONS, seed=1).metrics
    assert sure["best_arm"] == 0.5
    assert tied["best_arm"] == 0.5 == tied["best_arm_chance"]
    assert tied["skill"] == 0.0


def test_where_no_entity_has_several_clips_there_is_no_best_arm():
    test = with_column(world()[1], "clip_id", ["one"] * world()[1].num_rows)
    found = evaluate(predictor(), test, OPTIONS, 1)
    assert "best_arm" not in found.metrics


def test_losses_weigh_by_impressions():
    rows = Outcomes(
        np.array([1000.0, 10]), np.array([30.0, 10]), np.array(["a", "b"], object), np.array(["a", "b"], object)
    )
    loss = measure_rates(rows, np.full(2, 0.03), 0.03, OPTIONS, seed=1).losses
    expected = -(30 * np.log(0.03) + 970 * np.log(0.97)) / 505
    assert loss[0] == pytest.approx(expected)
    assert group_sums(loss[:, None], rows.entities).shape == (2, 1)


def test_the_same_rows_and_seed_give_the_same_files():
    train = world()[0]
    again = fit(train, _none(train), OPTIONS, {"trees": 60}, seed=3)
    assert again.to_files() == predictor().to_files()
    assert fit(train, _none(train), OPTIONS, {"trees": 60}, seed=4).to_files() != predictor().to_files()


@pytest.mark.parametrize("rows", [10, 30, 100])
def test_few_outcomes_stay_near_their_base_rate(rows):
    train, test, rates = world()
    small = fit(train.slice(0, rows), _none(train), OPTIONS, {}, 1)
    mean, _ = small.rates(test)
    base = small.info["base_rate"]
    assert base / 4 < mean.min() <= mean.max() < base * 4
    spread = np.ptp(np.log(mean))
    assert spread < np.ptp(np.log(rates))
    answers = small.predict(test)
    inside = [row["ctr_low"] <= rate <= row["ctr_high"] for row, rate in zip(answers, rates, strict=True)]
    assert np.mean(inside) > 0.7


def test_rates_of_three_impressions_are_not_believed():
    train = world()[0]
    lucky = with_column(train, "impressions", [3] * train.num_rows)
    lucky = with_column(lucky, "clicks", (np.random.default_rng(1).random(train.num_rows) < 0.05) * 3)
    mean, _ = fit(lucky, _none(train), OPTIONS, {}, 1).rates(train)
    assert mean.max() < 0.25


def test_rows_without_impressions_change_nothing():
    train, test, _ = world()
    never = with_column(with_column(train.slice(0, 40), "impressions", [0] * 40), "clicks", [0] * 40)
    found = fit(pa.concat_tables([train, never]), _none(train), OPTIONS, {"trees": 60}, seed=3)
    assert found.predict(test) == predictor().predict(test)
    assert evaluate(predictor(), pa.concat_tables([test, never]), OPTIONS, 1).rows == test.num_rows


def test_one_huge_row_does_not_decide_for_all():
    train, test, _ = world()
    shown, clicks = train["impressions"].to_pylist(), train["clicks"].to_pylist()
    shown[5], clicks[5] = 10**9, 5 * 10**8
    huge = with_column(with_column(train, "impressions", shown), "clicks", clicks)
    mean = fit(huge, _none(train), OPTIONS, {"trees": 20}, 1).rates(test)[0].mean()
    assert mean < 3 * predictor().rates(test)[0].mean()


def test_columns_that_are_all_absent_do_no_harm():
    train, test, _ = world()
    for name in (
        "title",
        "hook_text",
        "creator_id",
        "placement",
        "composite_score",
        "clip_impressions",
        "clip_clicks",
    ):
        train, test = (with_column(part, name, [None] * part.num_rows) for part in (train, test))
    found = fit(train, _none(train), OPTIONS, {}, 1)
    assert 0.01 < found.predict_one({})["predicted_ctr"] < 0.09
    assert evaluate(found, test, OPTIONS, 1).metrics["skill"] > -0.01


@pytest.mark.parametrize("share", [0, 1])
def test_outcomes_that_are_all_alike_are_answered_possibly(share):
    train, test, _ = world()
    alike = with_column(train, "clicks", [count * share for count in train["impressions"].to_pylist()])
    for answer in fit(alike, _none(train), OPTIONS, {}, 1).predict(test):
        assert 0 <= answer["ctr_low"] <= answer["predicted_ctr"] <= answer["ctr_high"] <= 1
        assert abs(answer["predicted_ctr"] - share) < 0.05


def test_rows_of_one_entity_are_learned_from():
    train = with_column(world()[0], "entity", ["only"] * world()[0].num_rows)
    assert fit(train, _none(train), OPTIONS, {"trees": 10}, 1).predict_one({})["predicted_ctr"] < 0.1


def test_what_cannot_be_trained_on_is_told():
    train = world()[0]
    with pytest.raises(TrainingError, match="9 outcomes with impressions; at least 10"):
        fit(train.slice(0, 9), _none(train), OPTIONS, {}, 1)
    with pytest.raises(TrainingError, match="no parameter depth"):
        fit(train, _none(train), OPTIONS, {"depth": 3}, 1)
    with pytest.raises(TrainingError, match="LightGBM refuses"):
        fit(train, _none(train), OPTIONS, {"num_leaves": -4}, 1)
    with pytest.raises(TrainingError, match="LightGBM refuses"):
        fit(train, _none(train), OPTIONS, {"min_data_in_leaf": "many"}, 1)


def test_nothing_to_measure_is_said():
    with pytest.raises(InputError, match="no test rows"):
        evaluate(predictor(), _none(world()[1]), OPTIONS, 1)


def test_importing_the_predictor_imports_no_learning_library():
    code = """
import sys
import models.ctr.predictor
heavy = ("sklearn", "lightgbm", "scipy.sparse", "scipy.optimize", "torch", "pandas")
found = [name for name in heavy if name in sys.modules]
assert not found, found
"""
    subprocess.run([sys.executable, "-c", code], check=True)
