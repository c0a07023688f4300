"""The trained network as an ONNX model for serving: checked against torch, and smaller where that is free."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from config.errors import TrainingError
from models.images.classifier import open_session
from models.images.net import EmbeddingNet

OPSET = 20
INPUT, OUTPUT = "crops", "embeddings"
#: Embeddings have length one; single precision in another order of sums stays well below this.
MOST_DIFFERENCE = 1e-3
#: Points of accuracy that quantised answers may cost.
MOST_LOSS = 0.01
#: Crops that the quantisation looks at to learn the ranges of values.
RANGES_FROM = 256


@dataclass(frozen=True)
class Exported:
    """An ONNX model's bytes, and the largest difference of a number of its embeddings from torch's."""

    model: bytes
    difference: float


class _Served(nn.Module):
    """The network with its crops as the services have them: bytes, channels last."""

    def __init__(self, net: EmbeddingNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> Tensor:
        return self.net(crops.permute(0, 3, 1, 2).float())


def export(net: EmbeddingNet, crops: np.ndarray) -> Exported:
    """``net`` as ONNX: crops (n, size, size, 3) uint8 -> embeddings (n, d), any n.

    Args:
        net: on the processor, in evaluation mode.
        crops: (m, size, size, 3) uint8, m at least 2, on which both are asked.

    Raises:
        TrainingError: the ONNX model gives other embeddings than torch.
    """
    served = _Served(net).eval()
    size = net.shape.size
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            served,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"crops": {0: torch.export.Dim("n", min=1)}},
            verbose=False,
        )
        expected = served(torch.from_numpy(crops)).numpy()
    assert program is not None  # noqa: S101 - it is None only when a file is written
    model = _plain(program.model_proto)
    difference = _difference(model, crops, expected)
    if not difference <= MOST_DIFFERENCE:
        raise TrainingError(
            f"The exported model's embeddings differ from torch's by {difference:.2g},"
            f" more than {MOST_DIFFERENCE:.2g}."
        )
    return Exported(model, difference)


def quantised(model: bytes, crops: np.ndarray) -> bytes:
    """``model`` with 8-bit weights and activations, whose ranges are read off ``crops`` (n, size, size, 3)."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Ranges(CalibrationDataReader):
        def __init__(self) -> None:
            self._parts = iter(np.array_split(crops, max(1, len(crops) // 32)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self._parts, None)
            return None if part is None else {INPUT: part}

    with tempfile.TemporaryDirectory() as folder, _quiet():  # its interface knows files only
        path = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.load_from_string(model),
            str(path),
            Ranges(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        )
        return _plain(onnx.load(str(path)))


def _difference(model: bytes, crops: np.ndarray, expected: np.ndarray) -> float:
    session = open_session(model)
    whole = session.run(None, {INPUT: crops})[0]
    one = session.run(None, {INPUT: crops[:1]})[0]
    return float(max(np.abs(whole - expected).max(), np.abs(one - expected[:1]).max()))


def _plain(model: Any) -> bytes:
    """The model's bytes without notes on who exported it from which lines of code: they differ by machine."""
    model.ClearField("metadata_props")
    model.producer_version, model.doc_string = "", ""
    graph = model.graph
    graph.doc_string = ""
    for values in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.doc_string = ""
            value.ClearField("metadata_props")
    graph.ClearField("metadata_props")
    return bytes(model.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on their own workings."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "root")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
