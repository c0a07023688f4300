"""One answer for a video out of the scores of its frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import InputError
from models.imagery.frames import aggregate_frames

CHANCE = st.floats(0.0, 1.0)


def test_one_surely_bad_frame_among_many_is_worth_a_look_and_two_are_rejected() -> None:
    scores = np.zeros((300, 2))
    scores[100, 0] = 1.0
    one, causes = aggregate_frames(range(300), scores)
    assert 0.35 <= one["nsfw"] < 0.7
    assert causes == {"nsfw": (100.0,), "violence": ()}
    scores[7, 0] = 1.0
    two, causes = aggregate_frames(range(300), scores)
    assert two["nsfw"] >= 0.7
    assert causes["nsfw"] == (7.0, 100.0)


def test_a_video_of_one_frame_is_as_bad_as_that_frame() -> None:
    together, causes = aggregate_frames([2.5], np.array([[0.3, 0.8]]))
    assert together == {"nsfw": 0.3, "violence": 0.8}
    assert causes == {"nsfw": (2.5,), "violence": (2.5,)}


@given(st.lists(st.tuples(CHANCE, CHANCE), min_size=2, max_size=30), st.tuples(CHANCE, CHANCE))
def test_a_further_frame_never_makes_a_video_better(
    frames: list[tuple[float, float]], more: tuple[float, float]
) -> None:
    before, _ = aggregate_frames(range(len(frames)), np.array(frames))
    after, causes = aggregate_frames(range(len(frames) + 1), np.array([*frames, more]))
    for label, score in before.items():
        assert after[label] >= score
        assert 0.0 <= after[label] <= 1.0
        assert all(0 <= time <= len(frames) for time in causes[label])


@pytest.mark.parametrize(
    ("times", "scores"),
    [([], np.zeros((0, 2))), ([1.0], np.zeros((2, 2))), ([1.0], np.zeros((1, 3))),
     ([1.0], np.array([[np.nan, 0.1]])), ([1.0], np.array([[1.2, 0.1]]))],
)  # fmt: skip
def test_scores_that_are_none_are_refused(times: list[float], scores: np.ndarray) -> None:
    with pytest.raises(InputError):
        aggregate_frames(times, scores)
