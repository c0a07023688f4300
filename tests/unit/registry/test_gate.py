"""The gate: what it asks for, and that its verdict says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from config.settings import Settings, load_settings
from models.comparison import Comparison
from models.family import Evaluation
from registry.gate import decide

SETTINGS: dict[str, Any] = {"min_training_samples": 100, "retrain_accuracy_threshold": 0.8}
BETTER = Comparison(0.05, 0.01, 0.09, better=True)
BY_CHANCE = Comparison(0.05, -0.01, 0.11, better=False)


@pytest.fixture
def settings() -> Settings:
    return load_settings(**SETTINGS)


def evaluation(accuracy: float | None = 0.9, baseline: float = 0.9, loss: float = 0.3) -> Evaluation:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.05, 400)
    return Evaluation(
        metrics={} if accuracy is None else {"accuracy": accuracy},
        intervals={},
        baselines={"no_growth": {"accuracy": 0.5}},
        classes=("low", "high"),
        confusion=np.zeros((2, 2)),
        calibration=[],
        losses=loss + noise,
        groups=np.arange(400) // 4,
        baseline_losses={"no_growth": baseline + rng.normal(0, 0.05, 400)},
        rows=400,
    )


def test_a_challenger_that_is_good_and_better_than_the_champion_passes(settings: Settings) -> None:
    verdict = decide(evaluation(), BETTER, 100, settings, champion="3", family="viral")

    assert verdict.passed
    assert verdict.champion == "3"
    assert [check.name for check in verdict.checks] == [
        "enough rows",
        "accuracy floor",
        "better than the champion",
    ]


@pytest.mark.parametrize(
    ("measured", "comparison", "rows", "reason"),
    [
        (evaluation(), BETTER, 99, "99 training rows, at least 100 are asked for"),
        (evaluation(accuracy=0.79), BETTER, 100, "test accuracy 0.790, at least 0.800"),
        (evaluation(accuracy=float("nan")), BETTER, 100, "no accuracy was measured"),
        (evaluation(accuracy=None), BETTER, 100, "no accuracy was measured"),
        (evaluation(), BY_CHANCE, 100, "not better beyond chance than the champion"),
        (evaluation(baseline=0.3), None, 100, "not better beyond chance than baseline 'no_growth'"),
        (evaluation(baseline=0.1), None, 100, "not better beyond chance than baseline 'no_growth'"),
    ],
    ids=["few rows", "inaccurate", "NaN", "unmeasured", "by chance", "as the baseline", "below the baseline"],
)
def test_one_failed_check_fails_the_gate_and_is_named(
    settings: Settings, measured: Evaluation, comparison: Comparison | None, rows: int, reason: str
) -> None:
    verdict = decide(measured, comparison, rows, settings, family="viral")

    assert not verdict.passed
    assert reason in verdict.failures
    assert sum(not check.passed for check in verdict.checks) == 1


def test_without_a_champion_the_baselines_must_be_beaten(settings: Settings) -> None:
    verdict = decide(evaluation(), None, 100, settings, family="viral")

    assert verdict.passed
    assert verdict.checks[-1].name == "better than baseline 'no_growth'"


def test_the_verdict_is_plain_data(settings: Settings) -> None:
    verdict = decide(evaluation(), BY_CHANCE, 1, settings, champion="2", family="viral").as_dict()

    assert verdict["passed"] is False
    assert verdict["champion"] == "2"
    assert verdict["checks"][0]["name"] == "enough rows"


def test_a_challenger_that_answers_like_the_champion_is_told_to() -> None:
    from config.settings import load_settings
    from models.comparison import Comparison
    from registry.gate import _shown

    said = _shown(Comparison(difference=0.0, low=0.0, high=0.0, better=False), "the champion", load_settings())
    assert said == "not better than the champion: both answer the same on every test row"


def test_a_family_with_floors_of_its_own_is_asked_for_those() -> None:
    own = {"face_min_training_samples": 10, "face_retrain_accuracy_threshold": 0.95}
    settings = load_settings(**SETTINGS, **own)

    checks = {
        check.name: check.passed for check in decide(evaluation(), BETTER, 10, settings, family="face").checks
    }

    assert checks["enough rows"]
    assert not checks["accuracy floor"]
    assert not decide(evaluation(), BETTER, 10, settings, family="viral").checks[0].passed


def test_a_family_has_a_floor_on_the_metric_that_it_is_judged_by() -> None:
    settings = load_settings(**SETTINGS, ctr_gate_floor=0.01, ctr_min_training_samples=10)
    measured = replace(evaluation(accuracy=None), metrics={"skill": 0.004})

    verdict = decide(measured, BETTER, 10, settings, family="ctr")

    assert not verdict.passed
    assert verdict.failures == "test skill 0.004, at least 0.010 is asked for"
    better = replace(measured, metrics={"skill": 0.02})
    assert decide(better, BETTER, 10, settings, family="ctr").passed
