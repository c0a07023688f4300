"""The moderation family: fitting, answering, measuring."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import InputError, ModelInvalid, TrainingError
from models.family import get_family
from models.moderation.identity import groups_of, test_sentences, training_sentences
from models.moderation.labels import CLASSES, LABELS, class_chances, joined, read_label
from models.moderation.options import ModerationOptions
from models.moderation.predictor import ModerationPredictor
from models.text.own_classes import OwnClasses
from tests.unit.models.text.world import RUDE, texts

FAMILY = get_family("moderation")
OPTIONS = ModerationOptions()
DISGUISES = {"a": "@", "i": "1", "o": "0", "s": "5", "e": "3"}


def table(count: int, seed: int, **labels: str) -> pa.Table:
    said, held = texts(count, seed)
    rows = [
        {"text_id": f"{seed}-{n}", "text": text, "label": labels.get(label, label), "language": "en"}
        for n, (text, label) in enumerate(zip(said, held, strict=True))
    ]
    good, _ = FAMILY.clean(pa.Table.from_pylist(rows), None, None)
    return FAMILY.examples_from_rows({"train": good, "valid": good.slice(0, 0)}, OPTIONS)["train"]


@pytest.fixture(scope="module")
def predictor() -> ModerationPredictor:
    found = FAMILY.fit(table(500, 1), table(200, 2), OPTIONS, {}, 7)
    assert isinstance(found, ModerationPredictor)
    return found


def test_it_learns_and_is_measured_by_label_language_group_and_on_neutral_sentences(
    predictor: ModerationPredictor,
) -> None:
    found = FAMILY.evaluate(predictor, table(300, 3), OPTIONS, 7)
    assert found.metrics["macro_f1"] > 0.85
    for name in LABELS:
        assert found.metrics[f"auc_{name}"] > 0.95
        assert 0.0 <= found.metrics[f"fpr_{name}"] <= 0.1
        assert f"fpr_{name}/lang/en" in found.metrics
        assert f"identity_fpr_{name}" in found.metrics
    assert {"majority", "plain_words"} == set(found.baselines)
    assert set(found.classes) == {"clean", "spam", "toxicity", "hate+toxicity"}
    assert len(found.losses) == found.rows == 300


def test_hate_is_never_more_probable_than_toxicity(predictor: ModerationPredictor) -> None:
    scores = predictor.score([*texts(50, 5)[0], "", "x" * 3000])
    assert (scores[:, 1] <= scores[:, 2]).all()
    assert ((scores > 0) & (scores < 1)).all()
    assert np.allclose(class_chances(scores).sum(axis=1), 1.0)


def test_a_batch_answers_as_its_rows_do_and_files_give_the_same_model(predictor: ModerationPredictor) -> None:
    asked = [*texts(40, 6)[0], "", "日本"]
    together = predictor.score(asked)
    assert np.array_equal(together, np.concatenate([predictor.score([one]) for one in asked]))
    again = FAMILY.load(predictor.to_files())
    assert again.info == predictor.info
    assert np.array_equal(again.score(asked), together)  # type: ignore[attr-defined]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(RUDE), st.sampled_from(["leet", "spaced", "repeated", "zero width", "homoglyph", "case"])
)
def test_a_disguised_word_keeps_its_score_near(predictor: ModerationPredictor, word: str, how: str) -> None:
    disguised = {
        "leet": word[0] + "".join(DISGUISES.get(sign, sign) for sign in word[1:-1]) + word[-1],
        "spaced": " ".join(word),
        "repeated": word[:1] + word[1] * 4 + word[2:],
        "zero width": "\u200b".join(word),
        "homoglyph": word.replace("a", "а").replace("o", "о").replace("i", "і"),
        "case": word.upper(),
    }[how]
    said = [f"a {one} and a {one} , you {one}" for one in (word, disguised)]
    plain, hidden = predictor.score(said)
    assert hidden[2] > 0.5
    assert abs(plain[2] - hidden[2]) < 0.25


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_spans_lie_in_the_text(predictor: ModerationPredictor, text: str) -> None:
    for name in LABELS:
        spans = predictor.spans(text, name, 3)
        assert len(spans) <= 3
        assert all(0 <= start < end <= len(text) for start, end in spans)


def test_the_span_of_a_label_is_the_word_that_caused_it(predictor: ModerationPredictor) -> None:
    text = "you stupid moron and m0r0n"
    answer = predictor.predict(pa.table({"text": [text]}), explain=1)[0]
    ((start, end),) = answer["spans"]["toxicity"]
    assert text[start:end] in ("m0r0n", "moron", "stupid")
    assert answer["label"] in ("toxicity", "hate+toxicity")


def test_a_label_that_training_never_had_is_never_answered() -> None:
    keep = pa.compute.is_in
    rows = table(300, 8)
    rows = rows.filter(keep(rows["label"], value_set=pa.array(["clean", "spam"])))
    found = FAMILY.fit(rows, rows.slice(0, 60), OPTIONS, {}, 7)
    scores = found.score(texts(50, 9)[0])  # type: ignore[attr-defined]
    assert scores[:, 1].max() < 0.01
    assert not found.taught(CLASSES.index("toxicity"))  # type: ignore[attr-defined]


def test_classes_that_are_not_ours_get_a_classifier_of_their_own() -> None:
    names = {"clean": "0", "toxicity": "1", "spam": "2", "hate+toxicity": "1"}
    found = FAMILY.fit(table(300, 1, **names), table(100, 2, **names), OPTIONS, {}, 7)
    assert isinstance(found, OwnClasses)
    assert "none of the family's" in found.notes[0]
    measured = FAMILY.evaluate(found, table(100, 3, **names), OPTIONS, 7)
    assert measured.metrics["macro_f1"] > 0.85
    assert measured.classes == ("0", "1", "2")
    assert FAMILY.load(found.to_files()).info["classes"] == ["0", "1", "2"]


def test_too_little_or_strange_is_said() -> None:
    rows = table(50, 1)
    with pytest.raises(TrainingError, match="one label only"):
        FAMILY.fit(rows.filter(pa.compute.equal(rows["label"], "spam")), rows, OPTIONS, {}, 7)
    with pytest.raises(TrainingError, match="no parameter depth"):
        FAMILY.fit(rows, rows, OPTIONS, {"depth": 3}, 7)
    with pytest.raises(InputError, match="no labelled test texts"):
        FAMILY.evaluate(None, rows.slice(0, 0), OPTIONS, 7)  # type: ignore[arg-type]


def test_the_probe_is_answered_and_garbled_answers_are_refused(predictor: ModerationPredictor) -> None:
    answers = predictor.predict(FAMILY.probe(OPTIONS), explain=2)
    FAMILY.check(answers, OPTIONS)
    with pytest.raises(ModelInvalid, match="questions"):
        FAMILY.check(answers[:-1], OPTIONS)
    garbled = {**answers[0], "scores": {**answers[0]["scores"], "spam": 1.5}}
    with pytest.raises(ModelInvalid, match="probe 0"):
        FAMILY.check([garbled, *answers[1:]], OPTIONS)


def test_neutral_sentences_for_testing_are_never_learned_from() -> None:
    asked = {sentence.text for sentence in test_sentences()}
    assert not asked & {sentence.text for sentence in training_sentences()}
    assert 100 <= len(asked) == len(test_sentences())
    assert len({sentence.language for sentence in test_sentences()}) >= 4


def test_groups_are_found_by_whole_words() -> None:
    assert groups_of("my gay friend and his mother") == ["women", "gay and lesbian"]
    assert groups_of("he manages a blackboard") == []


@pytest.mark.parametrize(
    ("raw", "label"),
    [("Hate", "hate+toxicity"), ("spam+offensive", "spam+toxicity"), ("toxicity+spam", "spam+toxicity"),
     ("none", "clean"), ("Not Offensive", "clean"), ("nonsense", None), ("hate|spam", "spam+hate+toxicity")],
)  # fmt: skip
def test_labels_are_read_under_many_names(raw: str, label: str | None) -> None:
    assert read_label(raw, "label") == label
    assert label is None or label in CLASSES


def test_hate_is_toxic_too() -> None:
    assert joined(["hate"]) == "hate+toxicity"
    assert joined([]) == "clean"
