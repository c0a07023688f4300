"""The training loop: epochs over crops, early stopping, checkpoints from which a killed training goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as nf

from config.errors import TrainingError
from models.images.augment import Augmentation
from models.images.calibration import best_scale, log_loss
from models.images.checkpoint import Progress, epoch_seed, pack, unpack
from models.images.crops import Batch, Crops, ahead
from models.images.group import Group
from models.images.net import EmbeddingNet, NetShape, Trainee, begin_with
from models.images.params import FitParams
from models.images.surroundings import mixed, pick_device, repeatable
from models.training_context import TrainingContext

#: Crops measured at once.
CHUNK = 256
#: Part of all steps in which the learning rate rises.
_RISE = 0.2
_FIRST, _LAST = 1 / 25, 1e-4


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network and what its answers rest on.

    Attributes:
        net: on the processor, ready to answer.
        centroids: (classes, d) float32 of length one.
        facts: JSON-ready: what happened in training.
    """

    net: EmbeddingNet
    centroids: np.ndarray
    facts: dict[str, Any]


def fit_classifier(
    train: Crops, valid: Crops, classes: int, params: FitParams, seed: int, context: TrainingContext
) -> Fitted:
    """Train a network on crops of ``classes`` classes; each process of a group brings its share of the rows.

    Raises:
        TrainingError: no device, weights that do not fit, or a loss that is no number.
    """
    device = pick_device(context.device)
    with repeatable(device, seed, context.world):
        return _Training(train, valid, classes, params, seed, context, device).run()


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Of step ``step`` of ``steps``: it rises for a fifth of them, then falls along a cosine (Smith 2018)."""
    turn = max(1.0, _RISE * steps)
    if step < turn:
        return highest * (_FIRST + (1.0 - _FIRST) * step / turn)
    part = min(1.0, (step - turn) / max(1.0, steps - turn))
    return highest * (_LAST + (1.0 - _LAST) * (1.0 + math.cos(math.pi * part)) / 2.0)


def class_weights(counts: np.ndarray, power: float) -> np.ndarray:
    """(classes,) weight of a photo of each class: one over its number to ``power``, one on average over all."""
    raw = np.maximum(counts, 1).astype(np.float64) ** -power
    return raw * counts.sum() / (raw * counts).sum()


class _Training:
    """One training: what it is made of, and how far it has come."""

    def __init__(
        self,
        train: Crops,
        valid: Crops,
        classes: int,
        params: FitParams,
        seed: int,
        context: TrainingContext,
        device: torch.device,
    ) -> None:
        self.train, self.valid, self.params, self.seed = train, valid, params, seed
        self.context, self.device = context, device
        self.group = Group(context.rank, context.world)
        self.model = Trainee(NetShape(params.size, params.width, params.depth, params.embedding), classes)
        if context.backbone is not None:
            begin_with(self.model.net, read_weights(context.backbone))
        self.model.to(memory_format=torch.channels_last).to(device)
        self.forward: nn.Module = self.model
        if context.world > 1:
            self.forward = nn.parallel.DistributedDataParallel(
                self.model, device_ids=[device.index] if device.type == "cuda" else None
            )
        decayed = [weight for weight in self.model.parameters() if weight.ndim > 1]
        plain = [weight for weight in self.model.parameters() if weight.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=params.learning_rate,
            weight_decay=params.weight_decay,
        )
        counts = self.group.total(np.bincount(train.labels, minlength=classes))
        weights = class_weights(counts, params.balance)
        self.weights = torch.tensor(weights, dtype=torch.float32, device=device)
        fewest = int(self.group.gather(np.array([len(train)])).min())
        if not fewest:
            raise TrainingError("There is no photo that can be opened to train on.")
        self.batch = max(2, min(params.batch // context.world, fewest))
        self.steps = max(1, fewest // self.batch)
        self.augmentation = Augmentation(
            params.flip, params.shift, params.zoom, params.turn, params.light, params.shade
        )
        self.progress, self.best = Progress(), self._weights()

    def run(self) -> Fitted:
        """Train until the last epoch, or until it no longer helps."""
        self._resume()
        params = self.params
        while self.progress.epoch < params.epochs:
            if self.progress.epoch - self.progress.best_epoch >= params.patience:
                break
            self._epoch()
            self._save()
        self.model.load_state_dict(self.best)
        return self._finished()

    # -- an epoch ----------------------------------------------------------------------------------------
    def _epoch(self) -> None:
        number = self.progress.epoch + 1
        trained = self._learn(number)
        cosines, truth = self._cosines(self.valid)
        if not len(truth):
            raise TrainingError("There is no photo that can be opened to validate on.")
        loss = log_loss(cosines, truth, best_scale(cosines, truth))
        accuracy = float((cosines.argmax(axis=1) == truth).mean())
        if not (math.isfinite(trained) and math.isfinite(loss)):
            raise TrainingError(f"The loss of epoch {number} is no number.", hint="Set a lower learning_rate.")
        progress = self.progress
        progress.epoch = number
        progress.history.append({"train_loss": trained, "valid_loss": loss, "valid_accuracy": accuracy})
        better = loss < progress.best_loss
        if better:
            progress.best_epoch, progress.best_loss, self.best = number, loss, self._weights()
        self._say(
            f"epoch {number}/{self.params.epochs}: train loss {trained:.3f}, valid loss {loss:.3f},"
            f" valid accuracy {accuracy:.3f}{', best so far' if better else ''}"
        )

    def _learn(self, number: int) -> float:
        """One pass over the training crops; gives the mean loss."""
        seed = epoch_seed(self.seed, number, self.context.rank)
        generator = torch.Generator(self.device).manual_seed(seed)
        rng = np.random.default_rng(seed)
        self.forward.train()
        total, seen = torch.zeros((), device=self.device), 0
        for step, (crops, labels) in enumerate(self._batches(rng)):
            done = (number - 1) * self.steps + step
            rate = learning_rate(done, self.params.epochs * self.steps, self.params.learning_rate)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            total += self._step(crops, torch.from_numpy(labels).to(self.device), generator)
            seen += 1
        mean = float(total) / max(seen, 1)
        return float(self.group.gather(np.array([mean])).mean())

    def _step(self, crops: np.ndarray, labels: Tensor, generator: torch.Generator) -> Tensor:
        views = self.augmentation.lit(self._tensor(crops), generator)
        with mixed(self.device):
            cosines = self.forward(views.contiguous(memory_format=torch.channels_last))
        loss = self._loss(cosines.float(), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach()

    def _loss(self, cosines: Tensor, labels: Tensor) -> Tensor:
        """CosFace: the true class must win by a margin."""
        margin = nf.one_hot(labels, cosines.shape[1]) * self.params.margin
        return nf.cross_entropy(self.params.scale * (cosines - margin), labels, self.weights)

    def _moved(self, batches: Iterator[Batch], rng: np.random.Generator) -> Iterator[Batch]:
        for crops, labels in batches:
            yield self.augmentation.moved(crops, rng), labels

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        moves = rng.spawn(1)[0]
        if self.context.world == 1:
            batches = self._moved(self.train.shuffled(self.batch, rng), moves)
            yield from ahead(batches, 4) if self.device.type == "cuda" else batches
            return
        taken = 0
        while taken < self.steps:  # as many steps in each process: who runs short begins again
            before = taken
            for batch in self._moved(self.train.shuffled(self.batch, rng), moves):
                yield batch
                taken += 1
                if taken == self.steps:
                    break
            if taken == before:
                raise TrainingError("A process has too few photos that can be opened.")

    # -- measuring ---------------------------------------------------------------------------------------
    def _tensor(self, crops: np.ndarray) -> Tensor:
        """(n, size, size, 3) bytes -> (n, 3, size, size) on the device."""
        return torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float()

    @torch.inference_mode()
    def _embedded(self, crops: Crops) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.model.eval()
        for batch, labels in crops.in_order(CHUNK):
            yield self.model.net(self._tensor(batch)).float().cpu().numpy(), labels

    def _cosines(self, crops: Crops, centroids: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(n, classes) cosines and (n,) class numbers of all processes' crops."""
        points = self._learned() if centroids is None else centroids
        found = [(np.einsum("nd,kd->nk", part, points), labels) for part, labels in self._embedded(crops)]
        cosines = np.concatenate([part for part, _ in found] or [np.zeros((0, len(points)), np.float32)])
        labels = np.concatenate([part for _, part in found] or [np.zeros(0, np.int64)])
        return self.group.gather(cosines), self.group.gather(labels)

    def _learned(self) -> np.ndarray:
        """(classes, d) the points learned with the network."""
        return nf.normalize(self.model.centroids.detach(), dim=1).cpu().numpy()

    def _means(self) -> np.ndarray:
        """(classes, d) the direction of the mean embedding of each class's training crops; of a class of which
        no photo can be opened, the learned point.
        """
        sums = np.zeros(tuple(self.model.centroids.shape))
        for part, labels in self._embedded(self.train):
            np.add.at(sums, labels, part)
        sums = self.group.total(sums)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        means = sums / np.maximum(lengths, 1e-12)
        return np.where(lengths > 0, means, self._learned()).astype(np.float32)

    # -- the end -----------------------------------------------------------------------------------------
    def _finished(self) -> Fitted:
        """Centroids are the classes' mean embeddings, or the learned points where those answer the validation
        rows better.
        """
        choices = {"means": self._means(), "learned": self._learned()}
        measured = {}
        for name, centroids in choices.items():
            cosines, truth = self._cosines(self.valid, centroids)
            measured[name] = log_loss(cosines, truth, best_scale(cosines, truth))
        chosen = min(measured, key=lambda name: measured[name])
        net = self.model.net.eval().to("cpu").to(memory_format=torch.contiguous_format)
        facts = {
            "epochs": self.progress.epoch,
            "best_epoch": self.progress.best_epoch,
            "centroids": chosen,
            "valid_loss": measured,
            "history": self.progress.history,
        }
        return Fitted(net, choices[chosen], facts)

    # -- checkpoints ---------------------------------------------------------------------------------------
    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def _fingerprint(self) -> dict[str, Any]:
        return {
            "params": self.params.describe(),
            "seed": self.seed,
            "world": self.context.world,
            "steps": self.steps,
            "classes": len(self.model.centroids),
        }

    def _resume(self) -> None:
        store = self.context.checkpoints
        saved = self.group.from_leader(store.latest() if store and self.group.leads else None)
        found = unpack(saved[1], self.model, self.optimizer, self._fingerprint()) if saved else None
        if found is None:
            if saved:
                self._say("the checkpoint that was found is of another training: beginning anew")
            return
        self.progress, self.best = found[0], {name: value.to(self.device) for name, value in found[1].items()}
        self._say(f"going on after epoch {self.progress.epoch}")

    def _save(self) -> None:
        store = self.context.checkpoints
        if store is None or not self.group.leads:
            return
        files = pack(self.progress, self.model.state_dict(), self.best, self.optimizer, self._fingerprint())
        store.save(self.progress.epoch, files)

    def _say(self, text: str) -> None:
        if self.group.leads:
            self.context.say(text)


def read_weights(data: bytes) -> dict[str, Tensor]:
    """Tensors by name out of safetensors bytes. Raises TrainingError."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, ValueError) as error:
        raise TrainingError(f"The backbone's weights are no safetensors file: {error}.") from None
