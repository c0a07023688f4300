"""Other views of the same crops: flipped, moved, turned, and under other light; a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as nf


@dataclass(frozen=True)
class Augmentation:
    """How far a crop may be changed; 0 switches a change off.

    Attributes:
        flip: mirror every second crop.
        shift: of a side.
        zoom: of the size, either way.
        turn: in radians.
        light: of the logarithm of the exposure.
        shade: of the logarithm of the light from one edge to its middle: a lamp at the side.
    """

    flip: bool = True
    shift: float = 0.1
    zoom: float = 0.12
    turn: float = 0.17
    light: float = 0.3
    shade: float = 0.3

    def __call__(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        """(n, 3, size, size) float in [0, 255] -> the same, each crop changed at random by ``generator``."""
        moved = nf.grid_sample(
            crops,
            nf.affine_grid(self._moves(crops, generator), list(crops.shape), align_corners=False),
            padding_mode="reflection",
            align_corners=False,
        )
        return self._lit(moved, generator)

    def _moves(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        """(n, 2, 3) affine maps."""
        mirror, turn, zoom, right, down = _signed((5, len(crops)), crops, generator)
        side = torch.where(mirror < 0, -1.0, 1.0) if self.flip else torch.ones_like(mirror)
        turn, zoom = turn * self.turn, 1.0 + zoom * self.zoom
        cos, sin = zoom * torch.cos(turn), zoom * torch.sin(turn)
        right, down = right * 2.0 * self.shift, down * 2.0 * self.shift
        rows = [torch.stack([cos * side, -sin, right], dim=1), torch.stack([sin * side, cos, down], dim=1)]
        return torch.stack(rows, dim=1)

    def _lit(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        exposure, across, along = _signed((3, len(crops)), crops, generator)[:, :, None, None, None]
        place = torch.linspace(-1.0, 1.0, crops.shape[-1], device=crops.device)
        lamp = across * self.shade * place + along * self.shade * place[:, None]
        return (crops * torch.exp(lamp + exposure * self.light)).clamp_(0.0, 255.0)


def _signed(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform numbers between -1 and 1."""
    return torch.rand(shape, generator=generator, device=like.device) * 2.0 - 1.0
