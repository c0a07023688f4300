"""Which candidates are worth an admin's time first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.candidates import SCARCITY_WEIGHT, clusters, usefulness

NAN = float("nan")


def order(
    margins: list[float], labels: list[str | None], entities: list[str | None], known: dict[str, int]
) -> list[int]:
    ranks = usefulness(np.array(margins), labels, entities, known)
    return sorted(range(len(ranks)), key=lambda row: ranks[row])


def test_the_least_certain_come_first_and_what_nobody_knows_before_all() -> None:
    assert order([0.9, 0.1, NAN, 0.5], ["Soft"] * 4, [None] * 4, {"Soft": 9}) == [2, 1, 3, 0]


def test_classes_with_little_gold_come_before_equally_certain_ones() -> None:
    labels: list[str | None] = ["Soft", "Warm", "Fire", None]
    ranks = usefulness(np.full(4, 0.5), labels, [None] * 4, {"Soft": 100, "Warm": 50})

    assert ranks.tolist() == pytest.approx(
        [0.5, 0.5 - SCARCITY_WEIGHT / 2, 0.5 - SCARCITY_WEIGHT, 0.5 - SCARCITY_WEIGHT]
    )


def test_without_any_gold_certainty_alone_counts() -> None:
    assert usefulness(np.array([0.2, 0.4]), ["Soft", "Warm"], [None, None], {}).tolist() == [0.2, 0.4]


def test_disagreeing_photos_of_one_user_come_together_at_the_place_of_the_first() -> None:
    labels: list[str | None] = ["Soft", "Warm", "Soft", "Soft"]
    entities: list[str | None] = ["a", "a", "b", "b"]

    assert usefulness(np.array([0.9, 0.2, 0.5, 0.1]), labels, entities, {}).tolist() == [0.2, 0.2, 0.5, 0.1]
    assert clusters(["w", "x", "y", "z"], labels, entities) == ["a", "a", "y", "z"]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["Soft", "Warm", None]), st.sampled_from(["a", "b", None])),
        max_size=30,
    )
)
def test_photos_of_a_cluster_stand_side_by_side_and_nobody_comes_later_for_it(
    rows: list[tuple[float, str | None, str | None]],
) -> None:
    margins, labels, entities = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    names = [f"row {row}" for row in range(len(rows))]
    alone = usefulness(np.array(margins, float), labels, [None] * len(rows), {"Soft": 1})
    ranks = usefulness(np.array(margins, float), labels, entities, {"Soft": 1})
    where = clusters(names, labels, entities)

    assert (ranks <= alone).all()
    queue = sorted(range(len(rows)), key=lambda row: (ranks[row], where[row], row))
    seen: list[str] = []
    for row in queue:
        if not seen or seen[-1] != where[row]:
            assert where[row] not in seen
            seen.append(where[row])
