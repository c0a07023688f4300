"""What a process decides with: the choice, who takes part, and the counts behind a posterior."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from models.experiments.definition import Definition, parse_definition
from models.experiments.policy import probabilities
from serving.experiments.snapshot import LiveExperiment, variant_counts
from serving.experiments.ticker import each

COUNTS = ((10, 5, 4.0, 4.0), (20, 5, 1.0, 1.0))


def define(**fields: Any) -> Definition:
    return parse_definition({"id": "x", "title": "X", "variants": [{"name": "a"}, {"name": "b"}], **fields})


def live(definition: Definition, **fields: Any) -> LiveExperiment:
    chances = probabilities(definition, variant_counts(definition, COUNTS))
    return LiveExperiment(definition, "running", 3, None, COUNTS, chances, 30, **fields)


def test_silence_is_a_trial_that_earned_zero() -> None:
    found = variant_counts(define(), COUNTS)
    assert [(each.trials, each.reward_sum) for each in found] == [(10, 4.0), (20, 1.0)]
    ignored = variant_counts(define(reward={"missing": "ignore"}), COUNTS)
    assert [(each.trials, each.reward_sum) for each in ignored] == [(5, 4.0), (5, 1.0)]


def test_zero_is_not_the_bottom_of_every_scale() -> None:
    definition = define(reward={"kind": "number", "low": -1, "high": 1}, policy={"kind": "fixed"})
    first, second = variant_counts(definition, COUNTS)
    assert (first.reward_sum, first.reward_squares) == (4.0 + 5 * 0.5, 4.0 + 5 * 0.25)
    assert (second.reward_sum, second.trials) == (1.0 + 15 * 0.5, 20)


@pytest.mark.parametrize("policy", [{"kind": "fixed"}, {"kind": "thompson", "exploration": 0.05}])
def test_what_is_drawn_has_the_propensity_that_is_told(policy: dict[str, Any]) -> None:
    experiment = live(define(policy=policy))
    rng = np.random.default_rng(7)
    choices = [experiment.choose(None, {}, uniform) for uniform in rng.random(20_000)]
    drawn = Counter(choice.variant for choice in choices)
    told = {choice.variant: choice.propensity for choice in choices}
    assert sum(told.values()) == pytest.approx(1.0)
    for name, chance in told.items():
        assert abs(drawn[name] / 20_000 - chance) < 4 * (chance * (1 - chance) / 20_000) ** 0.5


def test_a_fixed_split_that_sticks_gives_a_subject_its_variant_whatever_is_lost() -> None:
    experiment = live(define(policy={"kind": "fixed"}))
    for subject in ("ann", "ben", "cat", "dan"):
        assert len({experiment.choose(subject, {}, uniform).variant for uniform in (0.0, 0.5, 0.99)}) == 1


def test_a_subject_stays_in_or_out_and_strangers_are_drawn() -> None:
    experiment = live(define(traffic=0.25))
    inside = [experiment.takes_part(f"s{number}", 0.0) for number in range(4000)]
    assert inside == [experiment.takes_part(f"s{number}", 0.99) for number in range(4000)]
    assert abs(sum(inside) - 1000) < 4 * (4000 * 0.25 * 0.75) ** 0.5
    assert experiment.takes_part(None, 0.2)
    assert not experiment.takes_part(None, 0.3)


def test_who_takes_part_says_nothing_about_what_they_get() -> None:
    experiment = live(define(traffic=0.5, policy={"kind": "fixed"}))
    names = [f"s{number}" for number in range(4000)]
    inside = [name for name in names if experiment.takes_part(name, 0.0)]
    first = sum(experiment.choose(name, {}, 0.0).variant == "a" for name in inside)
    assert abs(first / len(inside) - 0.5) < 4 * 0.5 / len(inside) ** 0.5


def test_everybody_else_gets_the_winner_or_the_control() -> None:
    definition = define(control="b")
    assert LiveExperiment(definition, "paused", 1, None).shown == "b"
    assert LiveExperiment(definition, "concluded", 1, "a").shown == "a"


def test_one_that_fails_keeps_no_other_from_its_turn() -> None:
    done = []

    def work(number: int) -> None:
        if number == 1:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="1"):
        each([0, 1, 2], work)
    assert done == [0, 2]
