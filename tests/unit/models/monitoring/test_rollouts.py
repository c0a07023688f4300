"""Who errs less, looked at again and again; and how alike two versions answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.monitoring.rollouts import (
    LEAST_CLUSTERS,
    agreement,
    likeness,
    loss_gap,
    score,
    verdict_sentence,
)

DAYS, ROWS_OF_ONE, ALPHA = 7, 3, 0.05


def ever(verdict: str, gaps: np.ndarray, per_day: int) -> bool:
    """Whether a look at the end of any of the days gives the verdict."""
    clusters = np.repeat(np.arange(per_day * DAYS), ROWS_OF_ONE)
    for day in range(1, DAYS + 1):
        end = per_day * day * ROWS_OF_ONE
        found = loss_gap(gaps[:end], np.zeros(end), [clusters[:end]], alpha=ALPHA, least_rows=60)
        if found.verdict == verdict:
            return True
    return False


@pytest.mark.parametrize("kind", ["normal", "skewed", "rare"])
def test_of_equally_good_promotions_hardly_any_is_ever_called_worse_in_a_week_of_looks(kind: str) -> None:
    rng, count, per_day = np.random.default_rng(5), 150, 30
    wrong = 0
    for _ in range(count):
        size = (per_day * DAYS, 1)
        shared = {
            "normal": lambda size=size: rng.normal(size=size),
            "skewed": lambda size=size: rng.exponential(size=size) - 1,
            "rare": lambda size=size: (rng.random(size) < 0.03) - 0.03,
        }[kind]()
        gaps = (shared + 0.3 * rng.normal(size=(per_day * DAYS, ROWS_OF_ONE))).ravel()
        wrong += ever("worse", gaps, per_day)
    assert wrong <= 0.05 * count


def test_a_version_that_is_half_a_deviation_worse_is_found_within_the_week() -> None:
    rng, count, per_day = np.random.default_rng(6), 40, 30
    found = 0
    for _ in range(count):
        gaps = rng.normal(-0.5, 1, size=(per_day * DAYS, 1)) + 0.3 * rng.normal(
            size=(per_day * DAYS, ROWS_OF_ONE)
        )
        found += ever("worse", gaps.ravel(), per_day)
    assert found >= 0.95 * count


def test_the_interval_is_wider_than_that_of_a_single_look() -> None:
    gaps = np.random.default_rng(1).normal(size=400)
    found = loss_gap(gaps, np.zeros(400), [np.arange(400)], alpha=ALPHA)
    single = 1.96 * gaps.std(ddof=1) / 20
    assert found.high - found.difference > 1.3 * single
    assert (found.clusters, found.rows) == (400, 400)


def test_rows_of_few_witnesses_decide_nothing() -> None:
    few = LEAST_CLUSTERS - 1
    gaps, clusters = np.full(few * 100, 5.0) + np.tile([0.1, -0.1], few * 50), np.repeat(np.arange(few), 100)
    found = loss_gap(gaps, np.zeros(few * 100), [clusters], alpha=ALPHA)
    assert (found.verdict, found.low, found.high) == ("undecided", -math.inf, math.inf)
    assert found.more_rows is not None
    assert found.more_rows >= 100


def test_two_versions_that_answer_the_same_are_never_told_apart() -> None:
    losses = np.random.default_rng(2).random(500)
    found = loss_gap(losses, losses, [np.arange(500)], alpha=ALPHA)
    assert (found.verdict, found.difference, found.more_rows) == ("undecided", 0.0, None)
    assert "cannot be told" in verdict_sentence(found, "3", "2", "log loss")


def test_about_so_many_rows_more_decide_it() -> None:
    rng = np.random.default_rng(3)
    gaps = rng.normal(0.1, 1, size=20_000)
    early = loss_gap(gaps[:300], np.zeros(300), [np.arange(300)], alpha=ALPHA)
    assert early.verdict == "undecided"
    assert early.more_rows is not None
    assert f"roughly {early.more_rows:,} rows more" in verdict_sentence(early, "3", "2", "log loss")
    late = loss_gap(gaps, np.zeros(20_000), [np.arange(20_000)], alpha=ALPHA)
    assert (late.verdict, late.more_rows) == ("better", None)


def test_without_rows_the_sentence_says_what_is_waited_for() -> None:
    assert verdict_sentence(None, "3", "2", "log loss") == (
        "Not decided yet: no outcome is known of what was asked since version 3 is tried."
    )


def test_lists_agree_by_what_they_share_and_classes_by_being_the_same() -> None:
    assert likeness("recommendation", {"items": ["a", "b", "c", "d"]}, {"items": ["b", "a", "x", "y"]}) == 0.5
    assert likeness("recommendation", {"items": []}, {"items": []}) == 1.0
    assert likeness("moderation", {"decision": "approved"}, {"decision": "rejected"}) == 0.0
    assert score("moderation", {"scores": {"spam": 0.2, "hate": 0.6}}) == 0.6
    assert score("recommendation", {"items": ["a"]}) is None


def pairs_of(entities: int, each: int, alike: Callable[[int], bool]) -> list[tuple[Any, Any, str]]:
    """Answers to ``each`` questions about every entity; both say the same about those that are ``alike``."""
    given = {"viral_class": "low", "viral_score": 10.0}
    other = {"viral_class": "high", "viral_score": 15.0}
    return [(given, given if alike(one) else other, f"v-{one}") for one in range(entities) for _ in range(each)]


def test_agreement_has_intervals_over_entities() -> None:
    found = agreement("viral", pairs_of(100, 3, lambda one: one % 5 > 0))
    assert found is not None
    assert (found.pairs, found.same, found.score) == (300, 0.8, 1.0)
    assert found.same_low is not None
    assert found.same_high is not None
    # Wilson's of 80 of 100 (its own example in textbooks): entities count, not questions
    assert found.same_low == pytest.approx(0.711, abs=0.003)
    assert found.same_high == pytest.approx(0.867, abs=0.003)
    assert found.score_low is not None
    assert found.score_low < 1.0
    assert agreement("viral", []) is None


def test_versions_that_always_agreed_may_disagree_yet() -> None:
    found = agreement("viral", pairs_of(50, 4, lambda _: True))
    assert found is not None
    assert (found.same, found.same_high) == (1.0, pytest.approx(1.0))
    assert found.same_low == pytest.approx(50 / (50 + 1.96**2))


def test_the_interval_of_agreement_holds_the_truth_about_as_often_as_it_says() -> None:
    rng, inside, truth = np.random.default_rng(4), 0, 0.97
    for _ in range(300):
        same = rng.random(60) < truth
        found = agreement("viral", pairs_of(60, 3, lambda one, same=same: bool(same[one])))
        assert found is not None
        assert found.same_low is not None
        assert found.same_high is not None
        inside += found.same_low <= truth <= found.same_high
    assert inside >= 0.92 * 300


@pytest.mark.parametrize("entities", [1, LEAST_CLUSTERS - 1])
def test_agreement_of_few_entities_has_no_interval(entities: int) -> None:
    found = agreement("viral", pairs_of(entities, 40, lambda one: one % 2 == 0))
    assert found is not None
    assert (found.same_low, found.same_high, found.score_low, found.score_high) == (None,) * 4
    assert found.score is not None


def test_of_lists_the_interval_is_that_of_their_mean_overlap() -> None:
    rng = np.random.default_rng(7)
    items = [f"i-{number}" for number in range(10)]
    pairs = [
        ({"items": items}, {"items": [*items[:same], *(f"o-{at}" for at in range(10 - same))]}, f"u-{user}")
        for user, same in enumerate(rng.integers(6, 9, 400).tolist())
    ]
    found = agreement("topics", pairs)
    assert found is not None
    assert found.same_low is not None
    assert found.same_high is not None
    overlaps = np.array([len({*a["items"]} & {*b["items"]}) / 10 for a, b, _ in pairs])
    half = 1.96 * overlaps.std(ddof=1) / 20
    assert (found.same_low, found.same_high) == pytest.approx(
        (overlaps.mean() - half, overlaps.mean() + half), abs=0.002
    )
