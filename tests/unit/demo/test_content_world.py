"""The sample world's texts and pictures: the same each time, with labels that fit what stands there."""

from __future__ import annotations

import io
import unicodedata
from datetime import UTC, date, datetime

import numpy as np
import pytest
from PIL import Image

from demo import content_words as words
from demo import content_world as world
from demo.content_pictures import CLASSES, HEIGHT, RATE, SECONDS, WIDTH, draw, film

DAY = date(2026, 11, 20)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_same_seed_makes_the_same_world() -> None:
    first, again = (world.table(world.moderated(one, 200), DAY, 30, "m", one) for one in (rng(), rng()))
    assert first.equals(again)


def test_every_label_occurs_and_most_texts_are_clean() -> None:
    labels = [one.label for one in world.moderated(rng(), 1000)]
    assert set(labels) == {"clean", "spam", "toxicity", "hate+toxicity"}
    assert 0.5 < labels.count("clean") / 1000 < 0.7


def test_to_name_people_is_clean() -> None:
    texts = world.moderated(rng(), 2000)
    endings = ("meet in the community garden on Saturday", "and their neighbours cook together")
    neutral = [one for one in texts if one.text.endswith(endings)]
    assert len(neutral) > 50
    assert sum(one.label == "clean" for one in neutral) > 0.9 * len(neutral)


def test_hate_is_against_peoples_that_there_are_not() -> None:
    for pattern in words.HATE:
        assert "{outcasts}" in pattern
    assert not set(words.OUTCASTS) & {"Muslims", "Jews", "women"}


def test_a_disguise_leaves_something_to_read() -> None:
    for number in range(60):
        made = world.disguise("WIN a free phone now", np.random.default_rng(number))
        assert made != ""
        letters = [one for one in made if unicodedata.category(one)[0] in "LN"]
        assert len(letters) >= 16


def test_each_word_of_a_text_with_names_has_a_tag() -> None:
    found = world.names(rng(), 300)
    assert {tag for one in found for tag in one.label.split()} == {
        "O", "B-person", "I-person", "B-location", "B-organization",
    }  # fmt: skip
    for one in found:
        tags = one.label.split()
        assert len(one.text.split()) == len(tags)
        assert all(tags[n - 1] == "B-person" for n, tag in enumerate(tags) if tag == "I-person")


def test_texts_are_labelled_before_the_world_ends() -> None:
    month, days = world.last_month(DAY)
    assert (month, days) == (date(2026, 10, 1), 31)
    made = world.table(world.topics(rng(), 100), month, days, "topics", rng())
    assert max(made["labelled_at"].to_pylist()) < datetime(2026, 11, 1, tzinfo=UTC)
    assert len(set(made["text_id"].to_pylist())) == 100


@pytest.mark.parametrize("kind", CLASSES)
def test_a_picture_opens(kind: str) -> None:
    with Image.open(io.BytesIO(draw(kind, rng()))) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


def test_the_film_has_three_scenes() -> None:
    import av

    with av.open(io.BytesIO(film(7))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == RATE * SECONDS
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    means = [frame[: HEIGHT // 8].mean(axis=(0, 1)) for frame in frames]
    cuts = [n for n in range(1, len(means)) if np.abs(means[n] - means[n - 1]).max() > 20]
    assert len(cuts) == 2
