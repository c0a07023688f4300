"""A network with the inputs and outputs of YuNet that takes bright blobs for faces."""

from __future__ import annotations

import math

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

BLOB = 24  # pixels of the searched picture
_FACE = 64  # width and height of every box, in pixels of the searched picture
_LANDMARKS = (
    -1.5,
    -1.0,
    1.5,
    -1.0,
    0.0,
    0.0,
    -1.0,
    1.5,
    1.0,
    1.5,
)  # in strides: eyes, nose, corners of the mouth


def yunet_like() -> bytes:
    """Build the ONNX file: `cls`, `obj`, `bbox` and `kps` at strides of 8, 16 and 32, the last two silent."""
    nodes: list[NodeProto] = []
    weights = [_weights("grey", np.full((1, 3, 1, 1), 1 / (3 * 255)))]
    nodes.append(helper.make_node("Conv", ["input", "grey"], ["bright"]))
    outputs = []
    for stride in (8, 16, 32):
        pool = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["bright"], [f"pooled_{stride}"], **pool))
        box = (0.0, 0.0, math.log(_FACE / stride), math.log(_FACE / stride))
        score = 1.0 if stride == 8 else 0.0
        heads = {"cls": ((score,), (0.0,)), "obj": ((score,), (0.0,)), "bbox": ((0.0,) * 4, box)}
        heads["kps"] = ((0.0,) * 10, _LANDMARKS)
        for name, (slope, offset) in heads.items():
            weights += _head(nodes, f"{name}_{stride}", f"pooled_{stride}", slope, offset)
            outputs.append(
                helper.make_tensor_value_info(
                    f"{name}_{stride}", TensorProto.FLOAT, [1, (320 // stride) ** 2, len(slope)]
                )
            )
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 320, 320])]
    graph = helper.make_graph(nodes, "bright_blobs", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    return bytes(model.SerializeToString())


def _head(
    nodes: list[NodeProto], name: str, source: str, slope: tuple[float, ...], offset: tuple[float, ...]
) -> list[TensorProto]:
    """Add one output: a 1x1 convolution, its channels last, one row a cell."""
    nodes.append(helper.make_node("Conv", [source, f"{name}_w", f"{name}_b"], [f"{name}_map"]))
    nodes.append(helper.make_node("Transpose", [f"{name}_map"], [f"{name}_last"], perm=[0, 2, 3, 1]))
    nodes.append(helper.make_node("Reshape", [f"{name}_last", f"{name}_shape"], [name]))
    shape = numpy_helper.from_array(np.array([1, -1, len(slope)], np.int64), f"{name}_shape")
    return [
        _weights(f"{name}_w", np.reshape(slope, (-1, 1, 1, 1))),
        _weights(f"{name}_b", np.array(offset)),
        shape,
    ]


def _weights(name: str, values: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
