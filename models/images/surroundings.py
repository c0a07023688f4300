"""Where torch computes, and how: on all cores or the GPU, repeatably, leaving its settings as they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from config.errors import TrainingError
from models.images.crops import cores


def pick_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is the first GPU where there is one.

    Raises:
        TrainingError: it is not on this machine, or is no device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"'{name}' is no device.", hint="Devices: auto, cpu, cuda:0, cuda:1.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(
            f"There is no {name} on this machine: torch sees {torch.cuda.device_count()} GPUs.",
            hint="Set FACE_DEVICE to auto or cpu.",
        )
    if device.type not in ("cpu", "cuda"):
        raise TrainingError(f"Training on '{name}' is not supported.", hint="Devices: auto, cpu, cuda:0.")
    return device


def mixed(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where the GPU computes in it by itself; single precision elsewhere."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


@contextmanager
def repeatable(device: torch.device, seed: int, world: int = 1) -> Iterator[None]:
    """All cores (their share, where several processes train here), and the same results each time.

    torch keeps threads, generators and these switches for the whole process: they are put back afterwards.
    """
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    switches = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
    )
    try:
        torch.set_num_threads(max(1, cores() // (world if device.type == "cpu" else 1)))
        if device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.benchmark = False
        torch.manual_seed(seed)
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        torch.use_deterministic_algorithms(switches[0], warn_only=switches[1])
        torch.backends.cudnn.benchmark = switches[2]
