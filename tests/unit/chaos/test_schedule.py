"""The schedule: drawn from a seed, and fair to every kind and target."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from chaos.kinds import KINDS
from chaos.schedule import plan_faults


def test_the_same_seed_gives_the_same_faults() -> None:
    first = list(islice(plan_faults(3, KINDS), 60))
    assert first == list(islice(plan_faults(3, KINDS), 60))
    assert first != list(islice(plan_faults(4, KINDS), 60))


def test_the_order_in_which_kinds_are_named_does_not_matter() -> None:
    names = tuple(KINDS)
    assert list(islice(plan_faults(3, names), 40)) == list(islice(plan_faults(3, reversed(names)), 40))


def test_a_round_has_every_kind_and_more_of_those_with_many_targets() -> None:
    planned = plan_faults(5, KINDS)
    once = Counter(next(planned).kind for _ in range(len(KINDS) + 3))
    assert set(once) == set(KINDS)
    assert once["kill"] == 3
    assert once["pause"] == 2
    assert once["poison"] == 1


def test_every_part_is_killed_before_any_is_killed_twice() -> None:
    parts = KINDS["kill"].targets
    killed = [planned.target for planned in islice(plan_faults(5, ["kill"]), 2 * len(parts))]
    assert sorted(killed[: len(parts)]) == sorted(parts)
    assert sorted(killed[len(parts) :]) == sorted(parts)


def test_a_part_hangs_once_only() -> None:
    kinds = [planned.kind for planned in islice(plan_faults(1, ["hang", "kill"]), 50)]
    assert kinds.count("hang") == 1


def test_a_fault_lasts_as_long_as_its_kind_says() -> None:
    for planned in islice(plan_faults(9, KINDS), 100):
        kind = KINDS[planned.kind]
        assert kind.shortest <= planned.seconds <= kind.longest
        assert planned.target in kind.targets
        assert bool(planned.detail) == (planned.kind == "clock")


def test_no_kinds_give_no_faults() -> None:
    assert list(plan_faults(1, [])) == []
