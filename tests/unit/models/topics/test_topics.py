import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ModelInvalid, TrainingError
from models.topics import FAMILY
from models.topics.options import TopicOptions
from models.topics.themes import fit_themes, restore_themes

OPTIONS = TopicOptions()
WORDS = {
    "sports": ("football", "goalkeeper", "stadium", "penalty", "coach", "league"),
    "music": ("guitar", "chorus", "drummer", "melody", "concert", "album"),
    "cooking": ("recipe", "oven", "garlic", "butter", "dough", "skillet"),
}


def made(rows=360, seed=0, classes=tuple(WORDS)):
    rng = random.Random(seed)
    labels = [rng.choice(classes) for _ in range(rows)]
    texts = [
        " ".join([*rng.sample(WORDS[label], 3), "with", "the", f"n{row}x{seed}"])
        for row, label in enumerate(labels)
    ]
    return pa.table({"question": texts, "category": labels})


def examples(**parts):
    clean = {role: FAMILY.clean(table, None, None)[0] for role, table in parts.items()}
    return FAMILY.examples_from_rows(clean, OPTIONS)


@pytest.fixture(scope="module")
def rows():
    return examples(train=made(), test=made(90, seed=5))


@pytest.fixture(scope="module")
def predictor(rows):
    return FAMILY.fit(rows["train"], rows["valid"], OPTIONS, {}, 7)


def test_a_text_has_its_category_first_and_a_topic_of_its_words(predictor):
    found = predictor.topics(["the goalkeeper saved a penalty in the stadium"])[0]
    assert found["label"] == "sports"
    assert found["categories"][0]["name"] == "sports"
    assert found["topics"]
    assert set(found["topics"][0]["name"].split(", ")) <= set(WORDS["sports"])


def test_a_text_of_two_things_has_both_categories(predictor):
    found = predictor.topics(["football stadium coach league guitar chorus drummer melody"])[0]
    assert {each["name"] for each in found["categories"]} == {"sports", "music"}


def test_a_batch_answers_as_its_texts_do_one_by_one(predictor):
    texts = ["football coach", "", "😀", "garlic oven " * 2000, "chorus"] * 60
    assert predictor.topics(texts) == [predictor.topics([text])[0] for text in texts]


def test_the_files_are_the_model_and_the_same_data_give_the_same_files(predictor, rows):
    files = predictor.to_files()
    asked = pa.table({"text": ["football coach in the stadium", "", "album"]})
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
    for broken in (
        {"label": "nothing"},
        {"probabilities": {"sports": 0.4}},
        {"topics": [{"name": "x", "score": 7}]},
    ):
        with pytest.raises(ModelInvalid, match="probe 0"):
            FAMILY.check([{**answers[0], **broken}, *answers[1:]], OPTIONS)


def test_categories_are_measured_beside_two_baselines(predictor, rows):
    found = FAMILY.evaluate(predictor, rows["test"], OPTIONS, 7)
    assert found.metrics["macro_f1"] > 0.95
    assert set(found.baselines) == {"majority", "plain"}


def test_one_category_is_no_training():
    parts = examples(train=made(60, classes=("music",)), test=made(30))
    with pytest.raises(TrainingError, match="1 categories"):
        FAMILY.fit(parts["train"], parts["valid"], OPTIONS, {}, 7)


def test_topics_survive_being_stored_and_a_small_corpus_has_none():
    texts = made()["question"].to_pylist()
    themes = fit_themes(texts, 7)
    assert len(themes.names) >= 2
    assert len(set(themes.names)) == len(themes.names)
    assert [restore_themes(themes.state()).of(text) for text in texts[:50]] == [
        themes.of(text) for text in texts[:50]
    ]
    assert fit_themes(texts[:30], 7).of(texts[0]) == []


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_answered(predictor, text):
    found = predictor.topics([text])[0]
    assert all(0.0 < each["score"] <= 1.0 for each in found["topics"])
    assert sum(found["probabilities"].values()) == pytest.approx(1.0)
