import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ModelInvalid, TrainingError
from models.sentiment import FAMILY
from models.sentiment.evaluation import recall_interval
from models.sentiment.lexicon import LexiconSentiment, score
from models.sentiment.options import SentimentOptions

OPTIONS = SentimentOptions()
SAID = {
    "positive": ("zorpy", "i love", "so nice", "great"),
    "negative": ("blarg", "i hate", "so bad", "awful"),
    "neutral": ("the bus", "part two", "on tuesday", "a table"),
}
FILLERS = ("video", "song", "this one", "channel", "the end", "again", "clip", "with friends")


def made(rows=300, seed=0, classes=tuple(SAID)):
    rng = random.Random(seed)
    labels = [rng.choice(classes) for _ in range(rows)]
    texts = [
        f"{rng.choice(FILLERS)} {rng.choice(SAID[label])} {rng.choice(FILLERS)} {row}{seed}"
        for row, label in enumerate(labels)
    ]
    return pa.table({"tweet": texts, "label": labels})


def examples(**parts):
    clean = {role: FAMILY.clean(table, None, None)[0] for role, table in parts.items()}
    return FAMILY.examples_from_rows(clean, OPTIONS)


@pytest.fixture(scope="module")
def rows():
    return examples(train=made(), test=made(90, seed=5))


@pytest.fixture(scope="module")
def predictor(rows):
    return FAMILY.fit(rows["train"], rows["valid"], OPTIONS, {}, 7)


def test_words_that_no_lexicon_knows_are_learned(predictor):
    glad, angry = predictor.sentiments(["zorpy song", "blarg song"])
    assert glad["label"] == "positive"
    assert angry["label"] == "negative"
    assert glad["score"] > 0.2 > -0.2 > angry["score"]


def test_a_batch_answers_as_its_texts_do_one_by_one(predictor):
    texts = ["i love it", "", "😀", "the bus " * 3000, "bad", "great!!!"] * 50
    assert predictor.sentiments(texts) == [predictor.sentiments([text])[0] for text in texts]


def test_the_files_are_the_model_and_the_same_data_give_the_same_files(predictor, rows):
    files = predictor.to_files()
    asked = pa.table({"text": ["i love this", "awful", ""]})
    assert FAMILY.load(files).predict(asked) == predictor.predict(asked)
    assert FAMILY.fit(rows["train"], rows["valid"], OPTIONS, {}, 7).to_files() == files


def test_altered_files_are_refused(predictor):
    files = predictor.to_files()
    for name in files:
        with pytest.raises(ModelInvalid):
            FAMILY.load({key: data for key, data in files.items() if key != name})
        with pytest.raises(ModelInvalid):
            FAMILY.load({**files, name: files[name][:-5]})


def test_answers_to_the_probe_are_checked(predictor):
    answers = predictor.predict(FAMILY.probe(OPTIONS))
    FAMILY.check(answers, OPTIONS)
    for broken in ({"score": 2.0}, {"label": "angry"}, {"probabilities": {"positive": 0.4}}):
        with pytest.raises(ModelInvalid, match="probe 0"):
            FAMILY.check([{**answers[0], **broken}, *answers[1:]], OPTIONS)


def test_it_is_measured_by_macro_recall_beside_three_baselines(predictor, rows):
    found = FAMILY.evaluate(predictor, rows["test"], OPTIONS, 7)
    assert found.metrics["macro_recall"] > 0.95
    assert set(found.baselines) == {"majority", "lexicon", "plain"}
    assert found.baselines["majority"]["macro_recall"] == pytest.approx(1 / 3)
    low, high = found.intervals["macro_recall"]
    assert low <= found.metrics["macro_recall"] <= high


def test_two_classes_are_enough():
    parts = examples(
        train=made(200, classes=("positive", "negative")), test=made(60, 3, ("positive", "negative"))
    )
    model = FAMILY.fit(parts["train"], parts["valid"], OPTIONS, {}, 7)
    assert model.classes == ("negative", "positive")
    assert FAMILY.evaluate(model, parts["test"], OPTIONS, 7).metrics["accuracy"] > 0.95
    assert {each["label"] for each in model.sentiments(["", "😀", "the bus"])} <= {"negative", "positive"}


def test_one_class_is_no_training():
    parts = examples(train=made(60, classes=("positive",)), test=made(30))
    with pytest.raises(TrainingError, match="two classes"):
        FAMILY.fit(parts["train"], parts["valid"], OPTIONS, {}, 7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["0", "1"], ["negative", "positive"]),
        (["0", "1", "2"], ["negative", "neutral", "positive"]),
        ([-1, 0, 1], ["negative", "neutral", "positive"]),
        ([0, 4], ["negative", "positive"]),
        ([1, 3, 5], ["negative", "neutral", "positive"]),
        (["Positive", "NEG", "neutral"], ["positive", "negative", "neutral"]),
    ],
)
def test_labels_are_read_as_files_write_them(given, expected):
    table = pa.table({"text": [f"text {row}" for row in range(len(given))], "label": given})
    assert FAMILY.clean(table, None, None)[0]["label"].to_pylist() == expected


def test_strange_labels_are_set_aside():
    table = pa.table({"text": ["a", "b", "c"], "label": ["positive", "purple", None]})
    good, rejected = FAMILY.clean(table, None, None)
    assert good["text"].to_pylist() == ["a"]
    assert [each.row for each in rejected] == [2, 3]


@pytest.mark.parametrize(
    ("text", "sign"), [("I love it", 1), ("awful", -1), ("👍", 1), ("💔", -1), ("", 0), ("the bus", 0)]
)
def test_the_lexicon_knows_words_and_emojis(text, sign):
    assert np.sign(round(score(text), 3)) == sign


def test_an_emoji_sways_the_words_beside_it():
    assert score("ok 😡") < 0 < score("ok 😍")
    assert score("I love it 😡") < score("I love it") < score("I love it 😍")


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_score(text):
    found = LexiconSentiment().sentiments([text])[0]
    assert -1.0 <= found["score"] <= 1.0
    assert found["label"] == ("neutral" if abs(found["score"]) < 0.05 else found["label"])


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_answered_by_a_model(predictor, text):
    found = predictor.sentiments([text])[0]
    assert -1.0 <= found["score"] <= 1.0
    assert sum(found["probabilities"].values()) == pytest.approx(1.0)


def test_macro_recall_agrees_with_scikit_learn():
    from sklearn.metrics import recall_score

    rng = np.random.default_rng(1)
    truth, answers = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    value, (low, high) = recall_interval(truth, answers, np.arange(200), 3, 7)
    assert value == pytest.approx(recall_score(truth, answers, average="macro"))
    assert low < value < high
