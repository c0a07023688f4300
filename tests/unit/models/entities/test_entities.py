import json
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import InputError, ModelInvalid, TrainingError
from models.entities import FAMILY
from models.entities.conll import table_of
from models.entities.labels import label_of
from models.entities.options import EntityOptions
from models.entities.tags import Span, spans_of, tags_of
from models.entities.tokens import tokenize
from models.entities.viterbi import allowed, best_tags

PEOPLE = ("Anna Meier", "Bob Stone", "Carla Diaz", "Dean Novak", "Ella Brown", "Finn Larsen")
PLACES = ("Paris", "Oslo", "Lima", "Kyoto", "Quito")
OPTIONS = EntityOptions()


def made(rows=240, seed=0):
    rng = random.Random(seed)
    tokens, tags = [], []
    for _ in range(rows):
        person, place = rng.choice(PEOPLE), rng.choice(PLACES)
        sentence = [
            *((each, ("B-person", "I-person")[at]) for at, each in enumerate(person.split())),
            *((each, "O") for each in rng.choice(("is in", "went to", "sang all day in", "came from")).split()),
            (place, "B-place"),
            (rng.choice((".", "!", "today")), "O"),
        ]
        tokens.append(" ".join(each for each, _ in sentence))
        tags.append(" ".join(tag for _, tag in sentence))
    return pa.table({"tokens": tokens, "tags": tags})


def examples(**parts):
    clean = {role: FAMILY.clean(table, None, None)[0] for role, table in parts.items()}
    return FAMILY.examples_from_rows(clean, OPTIONS)


@pytest.fixture(scope="module")
def rows():
    return examples(train=made(), test=made(60, seed=9))


@pytest.fixture(scope="module")
def predictor(rows):
    return FAMILY.fit(rows["train"], rows["valid"], OPTIONS, {}, 7)


def test_names_are_learned_with_their_types_and_places(predictor):
    text = "Anna Meier came from Oslo today"
    found = predictor.predict(pa.table({"text": [text]}))[0]
    assert found["entities"] == [
        {"text": "Anna Meier", "type": "person", "start": 0, "end": 10},
        {"text": "Oslo", "type": "place", "start": 21, "end": 25},
    ]
    assert found["label"] == "B-person I-person O O B-place O"


def test_a_batch_answers_as_its_texts_do_one_by_one(predictor):
    texts = ["Bob Stone is in Lima .", "", "😀", "nothing here", "Ella Brown " * 50, "x"] * 60
    assert predictor.entities(texts) == [predictor.entities([text])[0] for text in texts]


def test_the_files_are_the_model_and_the_same_data_give_the_same_files(predictor, rows):
    files = predictor.to_files()
    text = pa.table({"text": ["Finn Larsen went to Kyoto !"]})
    assert FAMILY.load(files).predict(text) == predictor.predict(text)
    assert FAMILY.fit(rows["train"], rows["valid"], OPTIONS, {}, 7).to_files() == files


@pytest.mark.parametrize("name", ["weights.npy", "steps.npy", "model.json"])
def test_altered_or_missing_files_are_refused(predictor, name):
    files = predictor.to_files()
    with pytest.raises(ModelInvalid):
        FAMILY.load({key: data for key, data in files.items() if key != name})
    with pytest.raises(ModelInvalid):
        FAMILY.load({**files, name: files[name][:-9]})


def test_a_model_that_answers_the_probe_is_accepted(predictor):
    answers = predictor.predict(FAMILY.probe(OPTIONS))
    FAMILY.check(answers, OPTIONS)
    with pytest.raises(ModelInvalid, match="4 answers"):
        FAMILY.check(answers[:-1], OPTIONS)
    strange = [*answers[:-1], {"entities": [{"text": "x", "type": "person", "start": 5, "end": 99_999}]}]
    with pytest.raises(ModelInvalid, match="outside"):
        FAMILY.check(strange, OPTIONS)


def test_whole_names_are_measured_beside_the_rules_and_the_usual_tag(predictor, rows):
    found = FAMILY.evaluate(predictor, rows["test"], OPTIONS, 7)
    assert found.metrics["f1"] > 0.95
    assert found.intervals["f1"][0] <= found.metrics["f1"]
    assert set(found.baselines) == {"majority", "rules"}
    assert found.classes == ("person", "place", "none")
    assert found.losses.shape == (found.rows,)
    empty = rows["test"].slice(0, 0)
    with pytest.raises(InputError, match="no test texts"):
        FAMILY.evaluate(predictor, empty, OPTIONS, 7)


def test_a_half_right_name_is_wrong(predictor, rows):
    wrong = rows["test"].slice(0, 1)
    text = wrong["text"].to_pylist()[0]
    tags = wrong["label"].to_pylist()[0].replace("I-person", "O")
    at = wrong.schema.get_field_index("label")
    found = FAMILY.evaluate(
        predictor, wrong.set_column(at, wrong.schema.field(at), pa.array([tags])), OPTIONS, 7
    )
    assert found.metrics["f1"] == pytest.approx(0.5), text  # the place is right, the person too long
    assert found.losses.tolist() == [2.0]


def test_too_few_texts_are_no_training(rows):
    with pytest.raises(TrainingError, match="at least 20"):
        FAMILY.fit(rows["train"].slice(0, 5), rows["valid"].slice(0, 5), OPTIONS, {}, 7)
    with pytest.raises(TrainingError, match="no parameter"):
        FAMILY.fit(rows["train"], rows["valid"], OPTIONS, {"nonsense": 1}, 7)


def test_tags_spans_and_tokens_of_others_give_the_same_label():
    text = "Emma Watson's in the U.S. now"
    expected = "B-person I-person O O O B-place O"
    assert label_of(text, expected) == expected
    spans = [{"start": 0, "end": 11, "type": "person"}, {"start": 21, "end": 25, "type": "place"}]
    assert label_of(text, json.dumps(spans)) == expected
    assert (
        label_of("", "B-person I-person O O B-place", "Emma Watson 's in U.S.")
        == "B-person I-person O O B-place"
    )
    assert label_of("Emma Watson!", "B-person I-person") == "B-person I-person I-person"


@pytest.mark.parametrize(
    "given", ["B-person", "X Y Z", '[{"start": 9}]', '[{"start": 0, "end": 99, "type": "x"}]']
)
def test_labels_that_do_not_fit_their_text_are_refused(given):
    with pytest.raises(InputError):
        label_of("Emma was here", given)


def test_conll_lines_become_texts_and_bad_rows_are_set_aside():
    table = table_of(["Anna\tB-person\n", "sang\tO\n", "\n", "Oslo\tB-place\n", "\n", "odd\tWRONG\n"])
    good, rejected = FAMILY.clean(table, None, None)
    assert good["text"].to_pylist() == ["Anna sang", "Oslo"]
    assert good["label"].to_pylist() == ["B-person O", "B-place"]
    assert [(each.row, "WRONG" in each.reason) for each in rejected] == [(3, True)]


def test_lists_of_tokens_and_tags_are_read_and_other_columns_are_not():
    table = pa.table({"tokens": [["Anna", "sang"]], "ner_tags": [["B-person", "O"]]})
    assert FAMILY.clean(table, None, None)[0]["label"].to_pylist() == ["B-person O"]
    with pytest.raises(InputError, match="no column of"):
        FAMILY.clean(pa.table({"nothing": ["x"]}), None, None)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.data())
def test_spans_of_whole_tokens_survive_tags(text, data):
    tokens = tokenize(text)
    spans, at = [], 0
    while at < len(tokens):
        size = data.draw(st.integers(1, 3))
        end = min(at + size, len(tokens))
        if data.draw(st.booleans()):
            spans.append(Span(tokens[at].start, tokens[end - 1].end, "thing"))
        at = end
    tags = tags_of(spans, tokens)
    assert spans_of(tags, [(token.start, token.end) for token in tokens]) == spans


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_answered_with_names_inside_it(predictor, text):
    for each in predictor.entities([text])[0]:
        assert text[each["start"] : each["end"]] == each["text"]
        assert each["text"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 10_000))
def test_the_best_tags_are_those_that_trying_all_finds(sizes, seed):
    import itertools

    tags = ("O", "B-a", "I-a")
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(sum(sizes), 3))
    steps = np.vstack([rng.normal(size=(3, 3)), np.zeros((1, 3))]) + allowed(tags)
    found, at = best_tags(scores, sizes, steps), 0

    def worth(path, rows):
        total = steps[3, path[0]] + sum(rows[place, tag] for place, tag in enumerate(path))
        return total + sum(steps[a, b] for a, b in itertools.pairwise(path))

    for size in sizes:
        rows = scores[at : at + size]
        best = max(itertools.product(range(3), repeat=size), key=lambda path, rows=rows: worth(path, rows))
        assert tuple(found[at : at + size]) == best
        at += size
