"""A trained face model behind its files: what it answers, and what it refuses to be made of."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from config.errors import InputError, ModelInvalid
from models.face.acceptance import check, probe
from models.face.aggregate import aggregate
from models.face.predictor import FacePredictor, load
from models.images.formats import ImageInvalid
from tests.face_world import CLASSES, OPTIONS, portrait, tiny_face_files


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return tiny_face_files()


@pytest.fixture(scope="module")
def predictor(files: dict[str, bytes]) -> FacePredictor:
    return load(files)


def test_the_files_give_the_same_files_again(files: dict[str, bytes], predictor: FacePredictor) -> None:
    assert predictor.to_files() == files
    assert set(files) == {"model.onnx", "model.json", "centroids.npy", "weights.safetensors", "baseline.npy"}


def test_drawn_portraits_are_told_apart(predictor: FacePredictor) -> None:
    right = [
        predictor.answer_photo(portrait(style, 900 + person))["class"] == name
        for person in range(8)
        for style, name in enumerate(CLASSES)
    ]

    assert np.mean(right) > 0.8


def test_an_answer_says_what_was_seen_and_how_sure_it_is(predictor: FacePredictor) -> None:
    found = predictor.answer_photo(portrait(0, 901))

    assert set(found) == {
        "class", "confidence", "probabilities", "none_of_these", "distance", "face_box", "faces", "width",
        "height",
    }  # fmt: skip
    assert list(found["probabilities"]) == list(CLASSES)
    assert sum(found["probabilities"].values()) == pytest.approx(1.0)
    assert found["confidence"] == max(found["probabilities"].values()) == found["probabilities"][found["class"]]
    assert (found["width"], found["height"], found["faces"]) == (96, 96, 1)
    x, y, width, height = found["face_box"]
    assert x < 48 < x + width
    assert y < 50 < y + height
    json.dumps(found)


def test_bad_photos_do_not_touch_the_others(predictor: FacePredictor) -> None:
    good = portrait(1, 902)

    answers = predictor.answer_photos([b"", good, b"no image", good[: len(good) // 2], good])

    assert [type(answer) for answer in answers] == [ImageInvalid, dict, ImageInvalid, ImageInvalid, dict]
    assert answers[1] == answers[4] == predictor.answer_photo(good)
    assert predictor.answer_photos([]) == []


def test_a_batch_is_answered_as_its_rows_one_by_one(predictor: FacePredictor) -> None:
    photos = [portrait(style, 910 + person) for person in range(5) for style in range(3)]

    together = predictor.predict(pa.table({"image": pa.array(photos, pa.binary())}))

    for answer, photo in zip(together, photos, strict=True):
        alone = predictor.answer_photo(photo)
        assert answer["class"] == alone["class"]
        assert answer["distance"] == pytest.approx(alone["distance"], abs=1e-5)


def test_a_row_that_cannot_be_answered_is_named(predictor: FacePredictor) -> None:
    rows = pa.table({"image": pa.array([portrait(0, 1), None], pa.binary())})

    with pytest.raises(InputError, match="row 1 cannot be answered: empty file"):
        predictor.predict(rows)


def test_many_threads_get_the_answers_that_one_gets(predictor: FacePredictor) -> None:
    photos = [portrait(style, 920 + style) for style in range(3)]
    expected = [predictor.answer_photo(photo) for photo in photos]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(predictor.answer_photo, photos * 20))

    assert found == expected * 20


def test_what_is_known_of_the_model_is_told_honestly(predictor: FacePredictor) -> None:
    info = predictor.info

    json.dumps(info)
    assert info["classes"] == list(CLASSES)
    assert info["rows"] == {"train": 72, "valid": 30}
    assert info["class_counts"] == {"Business": 24, "Soft": 24, "Sunny": 24}
    assert info["export"]["difference_from_torch"] < 1e-3
    assert info["export"]["precision"] in ("float32", "int8")
    assert "Of 30 validation photos" in info["none_of_these"]
    assert 0 <= info["calibration"]["false_alarm_rate"] <= info["calibration"]["asked_rate"]


def test_the_acceptance_questions_are_answered_possibly(predictor: FacePredictor) -> None:
    check(predictor.predict(probe(OPTIONS)), OPTIONS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"probabilities": {"Business": 1.2, "Soft": -0.2, "Sunny": 0.0}}, "are none"),
        ({"probabilities": {"Business": 0.5, "Soft": 0.2, "Sunny": 0.2}}, "sum to"),
        ({"probabilities": {"Business": 1.0}}, "knows 1 classes"),
        ({"confidence": 0.1}, "not the most likely"),
        ({"distance": 7.0}, "none of cosines"),
        ({"none_of_these": "no"}, "none_of_these is 'no'"),
        ({"class": None}, "not the most likely"),
    ],
)
def test_an_impossible_answer_is_refused(
    predictor: FacePredictor, change: dict[str, Any], sentence: str
) -> None:
    answers = predictor.predict(probe(OPTIONS))
    answers[2] = {**answers[2], **change}

    with pytest.raises(ModelInvalid, match=f"probe 2 is not possible.*{sentence}"):
        check(answers, OPTIONS)
    with pytest.raises(ModelInvalid, match="4 answers to 5 questions"):
        check(answers[:4], OPTIONS)


def test_a_model_goes_on_when_the_settings_name_other_classes_than_it_was_trained_on(
    predictor: FacePredictor,
) -> None:
    check(predictor.predict(probe(OPTIONS)), OPTIONS.with_classes(("Business", "Warm")))


@pytest.mark.parametrize(
    "name", ["model.onnx", "model.json", "centroids.npy", "weights.safetensors", "baseline.npy"]
)
def test_a_file_that_is_missing_or_damaged_is_named(files: dict[str, bytes], name: str) -> None:
    without = {key: value for key, value in files.items() if key != name}

    with pytest.raises(ModelInvalid, match=name.replace(".", r"\.")):
        load(without)
    with pytest.raises(ModelInvalid, match=name.replace(".", r"\.")):
        load({**files, name: files[name][:-40]})


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("format", 99, "format 99"),
        ("family", "viral", "family 'viral'"),
        ("known", [0, 2, 1], "names classes"),
        ("known", [0, 1, 7], "names classes"),
        ("known", [0, 1], "for 2 classes"),
        ("calibration", {"scale": -1.0}, "does not describe"),
        ("options", {"classes": ["a", "a"]}, "does not describe"),
        ("sha256", {}, "lists other files"),
    ],
)
def test_facts_that_contradict_themselves_are_refused(
    files: dict[str, bytes], place: str, value: object, sentence: str
) -> None:
    facts = json.loads(files["model.json"])
    facts[place] = {**facts[place], **value} if isinstance(value, dict) and value else value

    with pytest.raises(ModelInvalid, match=sentence):
        load({**files, "model.json": json.dumps(facts).encode()})


def test_answering_takes_no_torch(files: dict[str, bytes], tmp_path: Any) -> None:
    for name, data in {**files, "photo.jpg": portrait(0, 1)}.items():
        (tmp_path / name).write_bytes(data)
    script = (
        "import sys; from pathlib import Path; from models.face.predictor import load\n"
        f"files = {{p.name: p.read_bytes() for p in Path({str(tmp_path)!r}).iterdir()}}\n"
        "photo = files.pop('photo.jpg'); load(files).answer_photo(photo)\n"
        "print(sorted({'torch', 'sklearn', 'pandas', 'mlflow', 'scipy', 'onnx'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def answer(chances: tuple[float, float], nobody: bool = False) -> dict[str, Any]:
    return {"probabilities": dict(zip(("a", "b"), chances, strict=True)), "none_of_these": nobody}


def test_several_photos_are_answered_by_their_mean_without_those_that_are_nobody() -> None:
    found = aggregate([answer((0.9, 0.1)), answer((0.2, 0.8)), answer((0.0, 1.0), nobody=True)], ("a", "b"))

    assert (found["class"], found["photos"], found["none_of_these"]) == ("a", 3, False)
    assert found["confidence"] == pytest.approx(0.55)
    alone = aggregate([answer((0.3, 0.7), nobody=True)], ("a", "b"))
    assert (alone["class"], alone["none_of_these"]) == ("b", True)
    with pytest.raises(ValueError, match="no answers"):
        aggregate([], ("a", "b"))
