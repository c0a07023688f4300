"""Processes that train one network together, each on its share of the rows; alone, everything here is free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Group:
    """The place of this process in a group that torch.distributed holds together (set up by the caller)."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that speaks and saves."""
        return self.rank == 0

    def share(self, rows: int) -> np.ndarray:
        """(rows,) bool, which rows are this process's."""
        return np.arange(rows) % self.world == self.rank

    def gather(self, values: np.ndarray) -> np.ndarray:
        """The rows of all processes, one process after the other; the same in each."""
        if self.world == 1:
            return values
        from torch import distributed

        parts: list[Any] = [None] * self.world
        distributed.all_gather_object(parts, values)
        return np.concatenate(parts)

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes, in the order of their ranks."""
        return self.gather(values[None]).sum(axis=0)

    def from_leader(self, value: Any) -> Any:
        """The first process's ``value``, in each."""
        if self.world == 1:
            return value
        from torch import distributed

        held = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]
