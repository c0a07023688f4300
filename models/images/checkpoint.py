"""The state of a training after an epoch as two files of plain data: tensors, and JSON. No pickle.

All randomness of an epoch comes from the seed and the epoch's number (:func:`epoch_seed`), so that no state of
a generator has to be kept: a training that goes on after epoch 7 draws in epoch 8 what it would have drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

TENSORS, STATE = "state.safetensors", "state.json"
_MODEL, _BEST, _MOMENTS = "model/", "best/", "optimizer/"


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: epochs that are done.
        best_epoch, best_loss: when the loss on the validation rows was least, and what it was.
        history: what was measured after each epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)


def epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """A seed of its own for each epoch and process."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def pack(
    progress: Progress,
    model: Mapping[str, Tensor],
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    fingerprint: Mapping[str, Any],
) -> dict[str, bytes]:
    """The files of a checkpoint. ``fingerprint`` says what the training is: only the same may go on from it."""
    tensors = {_MODEL + name: value for name, value in model.items()}
    tensors |= {_BEST + name: value for name, value in best.items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"{_MOMENTS}{number}/{name}": torch.as_tensor(value) for name, value in moments.items()}
    state = {"progress": asdict(progress), "fingerprint": dict(fingerprint)}
    return {
        TENSORS: save_tensors({name: value.detach().cpu().contiguous() for name, value in tensors.items()}),
        STATE: json.dumps(state, sort_keys=True).encode(),
    }


def unpack(
    files: Mapping[str, bytes],
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    fingerprint: Mapping[str, Any],
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Put a checkpoint into ``model`` and ``optimizer``; gives the progress and the best weights.

    None, and nothing touched, for files that are damaged or of another training.
    """
    try:
        state = json.loads(files[STATE])
        if state["fingerprint"] != json.loads(json.dumps(dict(fingerprint))):
            return None
        progress = Progress(**state["progress"])
        tensors = load_tensors(files[TENSORS])
    except (KeyError, TypeError, ValueError, SafetensorError):
        return None
    weights, best = _under(tensors, _MODEL), _under(tensors, _BEST)
    own = model.state_dict()
    if any(_shapes(found) != _shapes(own) for found in (weights, best)):
        return None
    model.load_state_dict(weights)
    optimizer.load_state_dict(
        {**optimizer.state_dict(), "state": _moments(_under(tensors, _MOMENTS), _parameters(optimizer))}
    )
    return progress, best


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}


def _parameters(optimizer: torch.optim.Optimizer) -> Sequence[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _moments(tensors: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {number: {} for number in range(len(parameters))}
    for name, value in tensors.items():
        number, _, moment = name.partition("/")
        moments[int(number)][moment] = value
    return {number: found for number, found in moments.items() if found}
