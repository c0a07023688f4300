"""LightGBM without its Python overhead: one row at a time through the C interface.

``Booster.predict`` checks, copies and sets up a predictor on each call. The C interface can keep all that
between calls (``LGBM_BoosterPredictForMatSingleRowFast*``). A kept configuration and its buffers serve one
thread at a time, so that each thread has its own; they are freed with the thread.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import Any

import numpy as np

_RAW, _CONTRIBUTIONS = 1, 3  # C_API_PREDICT_RAW_SCORE, C_API_PREDICT_CONTRIB
_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_PARAMETERS = b"num_threads=1 verbosity=-1"


class RowCaller:
    """One kind of prediction for one row at a time; for one thread."""

    def __init__(self, booster: Any, kind: int, columns: int, outputs: int) -> None:
        from lightgbm.basic import _LIB, _safe_call

        self._booster = booster  # the handle below points into it
        self._check, self._call = _safe_call, _LIB.LGBM_BoosterPredictForMatSingleRowFast
        self._config = ctypes.c_void_p()
        _safe_call(
            _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle,
                ctypes.c_int(kind),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(columns),
                ctypes.c_char_p(_PARAMETERS),
                ctypes.byref(self._config),
            )
        )
        self.row = np.empty(columns)
        self.output = np.empty(outputs)
        self._length = ctypes.c_int64()
        self._arguments = (
            self._config,
            self.row.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(self._length),
            self.output.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        )
        weakref.finalize(self, _LIB.LGBM_FastConfigFree, self._config)

    def __call__(self, row: np.ndarray) -> np.ndarray:
        """(outputs,) for one row (columns,); the array is the caller's own and overwritten by the next call."""
        self.row[:] = row
        status = self._call(*self._arguments)
        if status:
            self._check(status)
        return self.output


class FastBooster:
    """Raw scores and exact contributions (TreeSHAP: Lundberg et al. 2020) of a LightGBM regression; safe to
    share between threads.
    """

    def __init__(self, text: str) -> None:
        from lightgbm import Booster

        self._booster = Booster(model_str=text)
        self.columns: int = self._booster.num_feature()
        self.trees: int = self._booster.num_trees()
        self.names: list[str] = self._booster.feature_name()
        self._local = threading.local()

    def raw(self, row: np.ndarray) -> float:
        """The score of one row (columns,)."""
        return float(self._caller("raw", _RAW, 1)(row)[0])

    def contributions(self, row: np.ndarray) -> np.ndarray:
        """(columns,) what each feature of one row adds to the score."""
        return self._caller("contributions", _CONTRIBUTIONS, self.columns + 1)(row)[:-1]

    def raw_batch(self, matrix: np.ndarray) -> np.ndarray:
        """(n,) scores of (n, columns) rows: the same as :meth:`raw` gives one by one."""
        if not len(matrix):
            return np.zeros(0)
        return np.asarray(self._booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)

    def gains(self) -> dict[str, float]:
        """How much each feature's splits reduced the loss, as shares of the whole."""
        gains = self._booster.feature_importance("gain")
        return dict(zip(self.names, (gains / max(gains.sum(), 1e-300)).tolist(), strict=True))

    def _caller(self, name: str, kind: int, outputs: int) -> RowCaller:
        caller: RowCaller | None = getattr(self._local, name, None)
        if caller is None:
            caller = RowCaller(self._booster, kind, self.columns, outputs)
            setattr(self._local, name, caller)
        return caller
