"""The network: a small residual one (He et al. 2016) that turns a crop into a point on the unit sphere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as nf

from config.errors import TrainingError

#: The stem brings a crop down to about this many positions a side, whatever its size.
BODY = 32
_EPSILON = 1e-3


@dataclass(frozen=True)
class NetShape:
    """What the network is built from.

    Attributes:
        size: pixels a side of a crop.
        width: channels of the first stage; each of the two after it has twice as many.
        depth: residual blocks a stage.
        embedding: numbers of an embedding.
    """

    size: int = 64
    width: int = 32
    depth: int = 1
    embedding: int = 64

    def describe(self) -> dict[str, int]:
        """JSON-ready form."""
        return asdict(self)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        inner = nf.relu(self.first_norm(self.first(values)))
        return nf.relu(self.second_norm(self.second(inner)) + self.shortcut(values))


class Backbone(nn.Module):
    """Standardised crop -> features: a stem and three stages, then the mean over all positions."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        width = shape.width
        self.stem = nn.Conv2d(6, width, 3, max(1, shape.size // BODY), 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for stage in range(3):
            outputs = width << stage
            blocks = [Residual(inputs if block == 0 else outputs, outputs, 2 if block == 0 else 1)
                      for block in range(shape.depth)]  # fmt: skip
            stages.append(nn.Sequential(*blocks))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.features = inputs

    def forward(self, values: Tensor) -> Tensor:
        """(n, 6, size, size) -> (n, features)."""
        return self.stages(nf.relu(self.stem_norm(self.stem(values)))).mean(dim=(2, 3))


class EmbeddingNet(nn.Module):
    """Crop -> embedding of length one."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = Backbone(shape)
        self.head = nn.Linear(self.backbone.features, shape.embedding, bias=False)
        self.head_norm = nn.BatchNorm1d(shape.embedding)

    def forward(self, crops: Tensor) -> Tensor:
        """(n, 3, size, size) float in [0, 255] -> (n, embedding), each row of length one."""
        features = self.backbone(standardised(crops))
        return nf.normalize(self.head_norm(self.head(features)), dim=1)


def standardised(crops: Tensor) -> Tensor:
    """(n, 3, h, w) in [0, 255] -> (n, 6, h, w): the crop, and the crop without its mean and contrast.

    The second half is the same under any light; the first half keeps what light says.
    """
    scaled = crops * (1.0 / 64.0) - 2.0
    mean = scaled.mean(dim=(1, 2, 3), keepdim=True)
    centred = scaled - mean
    spread = (centred * centred).mean(dim=(1, 2, 3), keepdim=True)
    return torch.cat([scaled, centred * torch.rsqrt(spread + _EPSILON)], dim=1)


def begin_with(net: EmbeddingNet, weights: Mapping[str, Tensor]) -> None:
    """Copy ``weights`` into the backbone; names may be those of a whole network or of the backbone alone.

    Raises:
        TrainingError: a tensor is missing, unknown or of another shape; the message names them.
    """
    prefix = "backbone."
    given = {name.removeprefix(prefix): value for name, value in weights.items() if not name.startswith("head")}
    wanted: dict[str, Any] = net.backbone.state_dict()
    problems = [f"{name} is missing" for name in wanted if name not in given]
    problems += [f"{name} is unknown" for name in given if name not in wanted]
    problems += [
        f"{name} is {tuple(given[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:6]) + (f"; and {len(problems) - 6} more" if len(problems) > 6 else "")
        raise TrainingError(
            f"The weights do not fit the backbone: {shown}.",
            hint="Set size, width and depth to those that the weights were trained with.",
        )
    net.backbone.load_state_dict({name: given[name] for name in wanted})


class Trainee(nn.Module):
    """The network with one point of the unit sphere for each class, which are learned together."""

    def __init__(self, shape: NetShape, classes: int) -> None:
        super().__init__()
        self.net = EmbeddingNet(shape)
        self.centroids = nn.Parameter(torch.randn(classes, shape.embedding))

    def forward(self, crops: Tensor) -> Tensor:
        """(n, 3, size, size) in [0, 255] -> (n, classes) cosines with the classes' points."""
        return self.net(crops) @ nf.normalize(self.centroids, dim=1).T
