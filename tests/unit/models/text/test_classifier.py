"""A classifier of texts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from config.errors import ModelInvalid, TrainingError
from models.text.classifier import TextClassifier, fit_classifier, load_classifier
from tests.unit.models.text.world import texts


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return fit_classifier(*texts(400, 1), *texts(150, 2))


def test_it_learns_what_there_is_to_learn(fitted: TextClassifier) -> None:
    asked, truth = texts(200, 3)
    answers = [fitted.classes[at] for at in fitted.answers(fitted.probabilities(asked))]
    assert np.mean([a == b for a, b in zip(answers, truth, strict=True)]) > 0.9


def test_chances_sum_to_one_and_a_batch_answers_as_its_rows_do(fitted: TextClassifier) -> None:
    asked = [*texts(30, 4)[0], "", "😀", "日本語", "a" * 5000]
    together = fitted.probabilities(asked)
    assert np.allclose(together.sum(axis=1), 1.0)
    assert np.array_equal(together, np.concatenate([fitted.probabilities([text]) for text in asked]))


def test_files_give_the_same_model(fitted: TextClassifier) -> None:
    again, more = load_classifier(fitted.to_files("x", {"kept": 1}), "x")
    asked = texts(20, 5)[0]
    assert np.array_equal(again.probabilities(asked), fitted.probabilities(asked))
    assert more == {"kept": 1}


@pytest.mark.parametrize("name", ["buckets.npy", "weights.npy", "model.json"])
def test_a_missing_or_altered_file_is_named(fitted: TextClassifier, name: str) -> None:
    files = fitted.to_files("x")
    with pytest.raises(ModelInvalid, match=name):
        load_classifier({key: data for key, data in files.items() if key != name}, "x")
    with pytest.raises(ModelInvalid, match=name.replace(".", r"\.")):
        load_classifier(files | {name: files[name][:-1]}, "x")


def test_a_model_of_other_features_is_refused(fitted: TextClassifier) -> None:
    files = fitted.to_files("x")
    stored = json.loads(files["model.json"])
    stored["features"]["characters"] = [9]
    with pytest.raises(ModelInvalid, match="features"):
        load_classifier(files | {"model.json": json.dumps(stored).encode()}, "x")


def test_the_words_that_spoke_for_a_class_are_found_where_they_stand(fitted: TextClassifier) -> None:
    text = "nice cake, you s t u p i d friends"
    number = fitted.classes.index("toxicity")
    spans = fitted.spans(text, number, 1)
    assert [text[start:end] for start, end in spans] == ["s t u p i d"]


def test_one_class_is_nothing_to_learn_from() -> None:
    with pytest.raises(TrainingError, match="one class only: clean"):
        fit_classifier(["a", "b"], ["clean", "clean"], [], [])
