"""What a long training is given besides its rows: a voice, a place for checkpoints, a device, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


class Checkpoints(Protocol):
    """Where one training (same rows, parameters and seed) keeps its progress."""

    def save(self, step: int, files: Mapping[str, bytes]) -> None:
        """Keep ``files`` as step ``step``; atomic, and older steps may be dropped afterwards."""
        ...

    def latest(self) -> tuple[int, dict[str, bytes]] | None:
        """The highest whole step and its files; None when there is none."""
        ...


def _silent(_text: str) -> None:
    return None


@dataclass(frozen=True)
class TrainingContext:
    """Surroundings of a fit; the default keeps nothing and says nothing.

    Attributes:
        say: takes a line of progress.
        checkpoints: where to resume from and save to.
        device: ``auto``, ``cpu``, ``cuda:0``...; one process, one device.
        cache_bytes: memory that prepared rows may take.
        backbone: safetensors bytes that the backbone begins with.
        rank, world: this process's place among those that train together (torch.distributed is set up by the
            caller when ``world`` > 1); only rank 0 says and saves.
    """

    say: Callable[[str], None] = _silent
    checkpoints: Checkpoints | None = None
    device: str = "auto"
    cache_bytes: int = 512 << 20
    backbone: bytes | None = None
    rank: int = 0
    world: int = 1
