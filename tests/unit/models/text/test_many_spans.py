"""Words of many texts at once are those of each text alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.moderation.labels import LABELS
from models.text.many_spans import many_spans
from tests.content_models import NEUTRAL, SPAM, content_predictor

HEADS = range(len(LABELS))
TEXTS = [SPAM, "", NEUTRAL, "🎉", "f r e e\u200b money, w1n!!", " \n ", "you are such an 1d1ot"]


def test_a_batch_points_at_the_words_that_each_text_alone_does() -> None:
    model = content_predictor("moderation")
    found = many_spans(model.linear, TEXTS, [list(HEADS)] * len(TEXTS), 3)
    for text, spans in zip(TEXTS, found, strict=True):
        assert spans == {head: model.spans(text, LABELS[head], 3) for head in HEADS}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_spans_lie_in_their_text_in_order_whatever_it_is(texts: list[str]) -> None:
    model = content_predictor("moderation")
    for text, spans in zip(texts, many_spans(model.linear, texts, [[0]] * len(texts), 4), strict=True):
        edges = np.array(spans[0]).reshape(-1)
        assert len(spans[0]) <= 4
        assert (np.diff(edges) >= 0).all()
        assert all(0 <= start < end <= len(text) for start, end in spans[0])


@pytest.mark.parametrize("heads", [[], [1], [0, 2]])
def test_only_what_is_asked_is_explained(heads: list[int]) -> None:
    found = many_spans(content_predictor("moderation").linear, [SPAM], [heads], 3)
    assert list(found[0]) == heads
