"""Fitting on labelled photos: the same files each time, and what is left out is said."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from config.errors import TrainingError
from models.face.evaluation import evaluate
from models.face.predictor import FacePredictor, load
from models.face.training import fit
from models.images.crops import as_stream
from models.training_context import TrainingContext
from tests.face_world import CLASSES, OPTIONS, SEED, TINY, face_rows, tiny_face_files

QUICK = {**TINY, "epochs": 2, "int8": False}


def fitted(train: pa.Table, valid: pa.Table, context: TrainingContext | None = None) -> FacePredictor:
    return fit(train, valid, OPTIONS, QUICK, SEED, context=context)


@pytest.fixture(scope="module")
def rows() -> tuple[pa.Table, pa.Table]:
    return face_rows(12, 1), face_rows(8, 2, split="valid")


@pytest.fixture(scope="module")
def whole(rows: tuple[pa.Table, pa.Table]) -> FacePredictor:
    return fitted(*rows)


def with_photos(rows: pa.Table, photos: dict[int, bytes | None]) -> pa.Table:
    column = rows["image"].to_pylist()
    for place, photo in photos.items():
        column[place] = photo
    place = rows.schema.get_field_index("image")
    return rows.set_column(place, rows.schema.field("image"), pa.array(column, pa.binary()))


def test_the_same_rows_and_seed_give_the_same_files_from_a_table_or_a_stream(
    rows: tuple[pa.Table, pa.Table], whole: FacePredictor
) -> None:
    train, valid = (as_stream(role) for role in rows)

    assert fitted(train, valid).to_files() == whole.to_files()  # type: ignore[arg-type]


def test_photos_that_do_not_fit_in_memory_are_read_anew_and_each_epoch_says_how_it_went(
    rows: tuple[pa.Table, pa.Table],
) -> None:
    said: list[str] = []

    found = fitted(*rows, TrainingContext(say=said.append, cache_bytes=3 * 32 * 32 * 10))

    assert "36 training photos, of which 6 stay in memory" in said[0]
    assert found.info["rows"] == {"train": 36, "valid": 24}
    assert [line.split(":")[0] for line in said[2:]] == ["epoch 1/2", "epoch 2/2"]
    assert "valid loss" in said[2]


def test_photos_that_cannot_be_opened_are_counted_and_said(rows: tuple[pa.Table, pa.Table]) -> None:
    train, valid = rows
    said: list[str] = []

    found = fitted(with_photos(train, {0: b"no image", 7: None}), valid, TrainingContext(say=said.append))

    assert "2 cannot be opened and are left out" in said[0]
    assert found.info["unreadable"] == {"train": 2, "valid": 0}
    assert found.info["rows"]["train"] == 34


def test_a_class_without_a_photo_is_never_answered(rows: tuple[pa.Table, pa.Table]) -> None:
    options = OPTIONS.with_classes((CLASSES[0], "Unseen", *CLASSES[1:]))

    found = load(fit(*rows, options, QUICK, SEED).to_files())

    assert found.info["never_answered"] == ["Unseen"]
    answers = found.predict(rows[1])
    assert all(answer["probabilities"]["Unseen"] == 0.0 for answer in answers)
    assert {answer["class"] for answer in answers} <= set(CLASSES)
    measured = evaluate(found, rows[1], options, SEED)
    assert measured.confusion.shape == (4, 4)


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        (face_rows(4, 1), "12 training photos that can be opened"),
        (face_rows(20, 1, classes=CLASSES[:1]), "are of 1 of the 3 classes"),
        (with_photos(face_rows(8, 1), dict.fromkeys(range(24), b"x")), "0 training photos that can be opened"),
    ],
    ids=["few", "one class", "none readable"],
)
def test_too_little_to_learn_from_is_an_error(train: pa.Table, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        fitted(train, face_rows(8, 2))


def test_weights_of_an_earlier_model_can_be_begun_with(
    rows: tuple[pa.Table, pa.Table], whole: FacePredictor
) -> None:
    weights = tiny_face_files()["weights.safetensors"]

    found = fitted(*rows, TrainingContext(backbone=weights))

    assert found.info["backbone_sha256"]
    assert found.to_files()["weights.safetensors"] != whole.to_files()["weights.safetensors"]


def test_an_evaluation_measures_model_and_baselines_on_the_same_photos() -> None:
    predictor = load(tiny_face_files())
    test = face_rows(12, 3, split="test")

    found = evaluate(predictor, as_stream(test), OPTIONS, SEED)

    assert found.rows == len(found.losses) == len(found.groups) == 36
    assert found.metrics["accuracy"] > 0.8
    assert {f"recall/{name}" for name in CLASSES} <= set(found.metrics)
    assert found.metrics["unreadable"] == 0.0
    assert set(found.baselines) == {"majority", "pca_linear"}
    assert found.baselines["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert found.baselines["pca_linear"]["accuracy"] > 0.5
    assert found.confusion.sum() == 36
    assert found.projection is not None
    assert found.projection.points.shape == (36, 2)
    assert np.bincount(found.projection.labels).tolist() == [12, 12, 12]
    again = evaluate(predictor, test, OPTIONS, SEED)
    assert (again.losses == found.losses).all()
    assert (again.projection.points == found.projection.points).all()  # type: ignore[union-attr]


def test_mistakes_are_shown_the_worst_first_with_their_user() -> None:
    test = face_rows(12, 3, split="test")
    place = test.schema.get_field_index("label")
    elsewhere = pa.array([CLASSES[(CLASSES.index(name) + 1) % 3] for name in test["label"].to_pylist()])

    found = evaluate(load(tiny_face_files()), test.set_column(place, "label", elsewhere), OPTIONS, SEED)

    wrong = round((1 - found.metrics["accuracy"]) * 36)
    assert wrong > 24
    assert len(found.mistakes) == 24
    assert all(one.truth != one.answer and one.picture.shape == (32, 32, 3) for one in found.mistakes)
    worst = found.mistakes[0]
    assert worst.entity == found.groups[int(found.losses.argmax())]
    assert {one.entity for one in found.mistakes} <= set(test["user_id"].to_pylist())


def test_a_test_photo_that_cannot_be_opened_is_measured_as_not_known() -> None:
    predictor = load(tiny_face_files())
    test = with_photos(face_rows(8, 3), {0: None, 5: b"no image"})

    found = evaluate(predictor, test, OPTIONS, SEED)

    assert found.metrics["unreadable"] == pytest.approx(2 / 24)
    assert found.losses[[0, 5]] == pytest.approx(np.log(3))
    assert found.rows == 24


def test_a_champion_of_other_classes_can_still_be_compared_with() -> None:
    predictor = load(tiny_face_files())
    options = OPTIONS.with_classes((*CLASSES[:2], "Fire"))

    found = evaluate(predictor, face_rows(8, 3, classes=CLASSES[:2]), options, SEED)

    assert np.isfinite(found.losses).all()
    assert found.classes == options.classes
