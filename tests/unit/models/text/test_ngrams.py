"""Features of a batch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.text.ngrams import BUCKETS, grams

TEXTS = st.lists(
    st.text(alphabet=st.sampled_from(list("abc ab!1é😀\n@x")), max_size=25), min_size=1, max_size=6
)


def of(texts: list[str], row: int) -> list[list[int]]:
    _, groups = grams(texts)
    return [group.buckets[group.bounds[row] : group.bounds[row + 1]].tolist() for group in groups]


@given(TEXTS)
def test_a_texts_features_do_not_depend_on_its_neighbours(texts: list[str]) -> None:
    for row, text in enumerate(texts):
        assert of(texts, row) == of([text], 0)


def test_every_feature_has_a_bucket_and_lies_in_its_text() -> None:
    folded, groups = grams(["hello there", "", "a", "two words"])
    for group in groups:
        assert ((group.buckets >= 0) & (group.buckets < BUCKETS)).all()
        assert group.bounds[-1] == len(group.buckets)
        assert (group.starts < group.ends).all()
        assert (np.diff(group.bounds) >= 0).all()
        assert group.ends.max() <= len(folded.codes)


def test_words_are_the_same_wherever_they_stand() -> None:
    first, second = of(["cat dog"], 0)[0], of(["dog cat"], 0)[0]
    assert len(set(first) & set(second)) == 4  # two words, each with and without its repeated letters


def test_numbers_count_by_their_length_alone() -> None:
    assert of(["call 1234"], 0) == of(["call 9876"], 0)
