"""An embedding encoder that is plugged in: an ONNX model that takes texts and gives a vector for each.

Its one input is a tensor of texts, so that what cuts them into tokens is inside of it: ONNX's own operators for
texts, or those of onnxruntime-extensions, which are known where that package is installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from config.errors import ModelInvalid

#: Longer texts are cut: encoders read some hundred tokens, and take time by their square.
LONGEST = 2_000
_SMALLEST = 1e-12


class TextEncoder:
    """The encoder. Safe in many threads, and loaded when it is first asked.

    Args:
        data: the ONNX file.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.data).hexdigest()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(n, size) float64 vectors of length one (zeros where the encoder gives none).

        Texts are asked about one by one, so that a text's vector depends on no other text.

        Raises:
            ModelInvalid: the file is no such model, or fails on a text.
        """
        session, name, size = self._session
        found = np.zeros((len(texts), size))
        for row, text in enumerate(texts):
            said = text[:LONGEST].encode("utf-8", "replace").decode()
            try:
                vector = np.asarray(session.run(None, {name: np.array([said], object)})[0], np.float64)[0]
            except Exception as error:
                raise ModelInvalid(f"The encoder fails on a text: {type(error).__name__}.") from error
            length = float(np.linalg.norm(vector))
            if np.isfinite(length) and length > _SMALLEST:
                found[row] = vector / length
        return found

    @property
    def size(self) -> int:
        """Numbers of a vector. Raises ModelInvalid."""
        return self._session[2]

    @cached_property
    def _session(self) -> tuple[Any, str, int]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        _register(options)
        try:
            session = onnxruntime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])
            inputs, output = session.get_inputs(), session.get_outputs()[0]
            if len(inputs) != 1 or inputs[0].type != "tensor(string)" or len(output.shape) != 2:
                raise ValueError("it must take one tensor of texts, and give a vector for each")
            name = inputs[0].name
            probe = np.asarray(session.run(None, {name: np.array(["a text"], object)})[0])
            if probe.ndim != 2 or probe.shape[0] != 1 or not probe.shape[1]:
                raise ValueError(f"it gives an array of the shape {probe.shape} for one text")
        except Exception as error:
            raise ModelInvalid(
                f"The encoder is not usable: {str(error).splitlines()[0][:200]}.",
                hint="MODERATION_ENCODER is an ONNX file with one input of texts and one output (texts, size).",
            ) from error
        return session, name, int(probe.shape[1])


def _register(options: Any) -> None:
    """The operators of onnxruntime-extensions, where they are installed."""
    try:
        from onnxruntime_extensions import get_library_path
    except ImportError:
        return
    options.register_custom_ops_library(get_library_path())
