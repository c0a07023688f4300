"""The ONNX form of a network: the same answers, the same bytes, nothing about the machine that made it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from config.errors import ModelInvalid, TrainingError
from models.images import export as exporting
from models.images.calibration import Calibration
from models.images.classifier import ImageClassifier
from models.images.export import export, quantised
from models.images.net import EmbeddingNet, NetShape

SIZE = 32
CROPS = np.random.default_rng(1).integers(0, 256, (40, SIZE, SIZE, 3), dtype=np.uint8)
CALIBRATION = Calibration(10.0, 0.5, 0.02, 0.01, 100)


@pytest.fixture(scope="module")
def net() -> EmbeddingNet:
    torch.manual_seed(3)
    made = EmbeddingNet(NetShape(SIZE, 8, embedding=16))
    with torch.no_grad():  # statistics that are not those of a new network
        made.train()(torch.from_numpy(CROPS).permute(0, 3, 1, 2).float())
    return made.eval()


@pytest.fixture(scope="module")
def model(net: EmbeddingNet) -> bytes:
    return export(net, CROPS).model


def centroids(count: int = 3, width: int = 16) -> np.ndarray:
    made = np.random.default_rng(2).normal(size=(count, width)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_onnx_and_torch_give_the_same_embeddings_for_any_number_of_crops(
    net: EmbeddingNet, model: bytes
) -> None:
    classifier = ImageClassifier(model, centroids(), CALIBRATION)
    with torch.no_grad():
        expected = net(torch.from_numpy(CROPS).permute(0, 3, 1, 2).float()).numpy()

    for count in (1, 2, 33, 40):
        found = classifier.embed(CROPS[:count])
        assert found == pytest.approx(expected[:count], abs=1e-5)
    assert classifier.embed(CROPS[:0]).shape == (0, 16)


def test_exporting_twice_gives_the_same_bytes_without_a_trace_of_this_machine(
    net: EmbeddingNet, model: bytes
) -> None:
    assert export(net, CROPS).model == model
    assert str(Path.cwd()).encode() not in model
    assert b".py" not in model
    small = quantised(model, CROPS)
    assert small == quantised(model, CROPS)
    assert len(small) < len(model)


def test_a_model_that_answers_otherwise_than_torch_is_refused(
    net: EmbeddingNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MOST_DIFFERENCE", -1.0)

    with pytest.raises(TrainingError, match="differ from torch's"):
        export(net, CROPS)


def test_eight_bits_point_nearly_the_same_way(model: bytes) -> None:
    whole = ImageClassifier(model, centroids(), CALIBRATION).embed(CROPS)
    small = ImageClassifier(quantised(model, CROPS), centroids(), CALIBRATION).embed(CROPS)

    assert (whole * small).sum(axis=1).min() > 0.98


def test_a_batch_is_answered_as_its_crops_are_one_by_one(model: bytes) -> None:
    for form in (model, quantised(model, CROPS)):
        classifier = ImageClassifier(form, centroids(), CALIBRATION)

        together = classifier.classify(CROPS)
        alone = [classifier.classify(CROPS[row : row + 1]) for row in range(len(CROPS))]

        chances = np.concatenate([one.probabilities for one in alone])
        assert together.probabilities == pytest.approx(chances, abs=1e-5)
        assert (together.nobody == np.concatenate([one.nobody for one in alone])).all()
        assert together.probabilities.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (centroids(1), "at least two"),
        (centroids(3, 5), "not at least two of 16"),
        (centroids() * 2, "length one"),
        (centroids().astype(np.float64), "single-precision"),
        (np.full((3, 16), np.nan, np.float32), "finite"),
    ],
)
def test_centroids_that_do_not_fit_are_refused(model: bytes, points: np.ndarray, sentence: str) -> None:
    with pytest.raises(ModelInvalid, match=sentence):
        ImageClassifier(model, points, CALIBRATION)


def test_a_model_that_cannot_be_opened_is_refused(model: bytes) -> None:
    with pytest.raises(ModelInvalid, match="cannot be opened"):
        ImageClassifier(model[:200], centroids(), CALIBRATION)
