"""The training loop on crops in memory: it repeats itself, goes on where it was, and leaves torch alone."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save

from config.errors import TrainingError
from models.images.crops import Crops, as_stream
from models.images.fitting import class_weights, fit_classifier, learning_rate
from models.images.net import EmbeddingNet, NetShape
from models.images.params import FitParams, parse_params
from models.training_context import TrainingContext

SIZE, CLASSES = 16, 3
PARAMS = FitParams(size=SIZE, width=4, embedding=8, epochs=4, batch=8, patience=4)


def stripes(rows: int, seed: int) -> Crops:
    """Crops whose class is the side that is bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % CLASSES
    pictures = rng.integers(0, 120, (rows, SIZE, SIZE, 3), dtype=np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[:, :, label] += 100
    table = pa.table({"image": pa.array([picture.tobytes() for picture in pictures], pa.binary())})
    shape = (SIZE, SIZE, 3)
    return Crops(
        as_stream(table), labels, lambda data: np.frombuffer(data, np.uint8).reshape(shape), SIZE, 1 << 20
    )


class Kept:
    """Checkpoints in memory; ``until`` ends the training as a kill would, after that step is kept."""

    def __init__(self, until: int = 99) -> None:
        self.steps: dict[int, dict[str, bytes]] = {}
        self.until = until

    def save(self, step: int, files: Mapping[str, bytes]) -> None:
        self.steps[step] = dict(files)
        if step == self.until:
            raise KeyboardInterrupt

    def latest(self) -> tuple[int, dict[str, bytes]] | None:
        return max(self.steps.items(), default=None)


def bytes_of(params: FitParams = PARAMS, seed: int = 7, context: TrainingContext | None = None) -> bytes:
    fitted = fit_classifier(
        stripes(60, 1), stripes(24, 2), CLASSES, params, seed, context or TrainingContext(device="cpu")
    )
    weights = {name: value.contiguous() for name, value in fitted.net.state_dict().items()}
    return save(weights) + fitted.centroids.tobytes() + json.dumps(fitted.facts, sort_keys=True).encode()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert bytes_of() == bytes_of()
    assert bytes_of() != bytes_of(seed=8)


@pytest.mark.parametrize("last", [1, 3])
def test_a_training_that_broke_off_goes_on_to_the_same_bytes(last: int) -> None:
    kept, said = Kept(until=last), []
    with pytest.raises(KeyboardInterrupt):
        bytes_of(context=TrainingContext(device="cpu", checkpoints=kept))
    kept.until = 99

    again = bytes_of(context=TrainingContext(device="cpu", checkpoints=kept, say=said.append))

    assert again == bytes_of()
    assert said[0] == f"going on after epoch {last}"
    assert sum(line.startswith("epoch") for line in said) == 4 - last


@pytest.mark.parametrize("damage", ["other seed", "tensors", "state"])
def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_used(damage: str) -> None:
    kept, said = Kept(), []
    bytes_of(seed=8 if damage == "other seed" else 7, context=TrainingContext(device="cpu", checkpoints=kept))
    if damage != "other seed":
        name = f"state.{'safetensors' if damage == 'tensors' else 'json'}"
        kept.steps[4][name] = kept.steps[4][name][:40]

    again = bytes_of(context=TrainingContext(device="cpu", checkpoints=kept, say=said.append))

    assert again == bytes_of()
    assert "beginning anew" in said[0]


def test_a_training_that_no_longer_helps_ends_and_keeps_its_best_epoch() -> None:
    params = FitParams(size=SIZE, width=4, embedding=8, epochs=60, batch=8, patience=2)

    fitted = fit_classifier(stripes(60, 1), stripes(24, 2), CLASSES, params, 7, TrainingContext(device="cpu"))

    facts = fitted.facts
    losses = [epoch["valid_loss"] for epoch in facts["history"]]
    assert facts["epochs"] == facts["best_epoch"] + 2 < 60
    assert losses.index(min(losses)) + 1 == facts["best_epoch"]


def test_it_learns_what_can_be_learned() -> None:
    params = FitParams(size=SIZE, width=4, embedding=8, epochs=12, batch=8)

    fitted = fit_classifier(stripes(60, 1), stripes(24, 2), CLASSES, params, 7, TrainingContext(device="cpu"))

    assert fitted.facts["history"][-1]["valid_accuracy"] == 1.0
    assert np.linalg.norm(fitted.centroids, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_torch_is_left_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()

    bytes_of()

    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_backbone_that_fits_is_begun_with_and_one_that_does_not_is_named() -> None:
    def weights(width: int) -> bytes:
        net = EmbeddingNet(NetShape(SIZE, width, embedding=8))
        return save({name: value.contiguous() for name, value in net.state_dict().items()})

    begun = bytes_of(context=TrainingContext(device="cpu", backbone=weights(4)))

    assert begun != bytes_of()
    with pytest.raises(TrainingError, match=r"stem.weight is \(8, 6, 3, 3\), not \(4, 6, 3, 3\)"):
        bytes_of(context=TrainingContext(device="cpu", backbone=weights(8)))
    with pytest.raises(TrainingError, match="no safetensors file"):
        bytes_of(context=TrainingContext(device="cpu", backbone=b"weights"))


@pytest.mark.parametrize(
    ("device", "sentence"), [("tpu", "no device"), ("cuda:9", "no cuda:9"), ("meta", "not")]
)
def test_a_device_that_is_not_there_is_named(device: str, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        bytes_of(context=TrainingContext(device=device))


def test_the_learning_rate_rises_for_a_fifth_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 0.01) for step in range(100)]

    assert max(rates) == rates[20] == pytest.approx(0.01)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 0.0001


def test_rare_classes_weigh_more_and_the_mean_over_photos_stays_one() -> None:
    counts = np.array([90, 10, 0])

    even, half = class_weights(counts, 1.0), class_weights(counts, 0.5)

    assert even[1] / even[0] == pytest.approx(9.0)
    assert half[1] / half[0] == pytest.approx(3.0)
    assert (half * counts).sum() == pytest.approx(counts.sum())
    assert class_weights(counts, 0.0).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"momentum": 0.9}, "no parameter momentum"),
        ({"epochs": "30"}, "epochs is of type int, not '30'"),
        ({"flip": 1}, "flip is of type bool"),
        ({"size": 8}, "size is at least 16"),
        ({"learning_rate": 0}, "above 0"),
        ({"none_rate": 1.5}, "between 0 and 1"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, object], sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        parse_params(params)


def test_a_class_of_which_no_photo_can_be_opened_has_a_point_of_its_own_all_the_same() -> None:
    context = TrainingContext(device="cpu")
    few = FitParams(size=SIZE, width=4, embedding=8, epochs=1, batch=8, patience=4)

    fitted = fit_classifier(stripes(60, 1), stripes(24, 2), CLASSES + 1, few, 7, context)

    assert fitted.facts["centroids"] == "means"
    np.testing.assert_allclose(np.linalg.norm(fitted.centroids, axis=1), 1.0, rtol=1e-5)
