"""What the monitor looks at in the families of texts: their length, language and signs, and their words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.family import Predictor
from models.monitoring.contract import Watch
from models.monitoring.rates import given, sized

#: Characters from which a text is of the next length.
LENGTHS, LENGTH_NAMES = (40, 160), ("short", "medium", "long")
_LINK, _MENTION, _HASHTAG = r"https?://|www\.", r"(^|\s)@\w", r"(^|\s)#\w"
#: Blocks of pictographs (Unicode 16, emoji-data.txt).
_EMOJI = r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}]"


def features(rows: pa.Table, _options: Any) -> pa.Table:
    """Characters, words, share of capitals, language, and whether there are links, names, tags or emojis."""
    text = pc.fill_null(rows["text"], "")
    length = pc.utf8_length(text).cast(pa.int64())
    capitals = pc.count_substring_regex(text, r"\p{Lu}").cast(pa.float64())
    return pa.table(
        {
            "text_length": length,
            "words": pc.count_substring_regex(text, r"\S+").cast(pa.int64()),
            "capitals": pc.divide(capitals, pc.max_element_wise(length, 1).cast(pa.float64())),
            "language": rows["language"],
            "has_link": pc.match_substring_regex(text, _LINK),
            "has_mention": pc.match_substring_regex(text, _MENTION),
            "has_hashtag": pc.match_substring_regex(text, _HASHTAG),
            "has_emoji": pc.match_substring_regex(text, _EMOJI),
        }
    )


def slices(rows: pa.Table, _options: Any) -> pa.Table:
    """Language, where the label came from, and length."""
    length = pc.utf8_length(pc.fill_null(rows["text"], ""))
    return pa.table(
        {"language": rows["language"], "source": rows["source"], "length": sized(length, LENGTHS, LENGTH_NAMES)}
    )


def answers(predictor: Predictor, rows: pa.Table, _options: Any) -> pa.Table:
    """The label that the version answers to each text, and how sure it is where it says so."""
    said = predictor.predict(rows)
    return given([one["label"] for one in said], [one.get("confidence") for one in said])


def counted_names(predictor: Predictor, rows: pa.Table, _options: Any) -> pa.Table:
    """For an answerer of names: how many there are in each text, as the class, and per word as the score."""
    said = predictor.predict(rows)
    counts = [len(one["entities"]) for one in said]
    words = [max(len(one["label"].split()), 1) for one in said]
    share = (np.array(counts, float) / np.array(words, float)).tolist()
    return given(["3 or more" if count > 2 else str(count) for count in counts], share)


def text_watch(answered: Callable[[Any, Any, Any], pa.Table] = answers) -> Watch:
    """What is looked at in a family of texts.

    Nothing that was answered stands in its rows as it was asked: they are texts that somebody chose to label.
    So the version's answers to the latest labelled texts are held against those to its test texts.
    """
    return Watch(features=features, slices=slices, text="text", answers=answered)
