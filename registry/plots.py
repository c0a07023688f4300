"""Pictures of an evaluation as PNG bytes: figures of their own, without pyplot's global state."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from models.family import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP_FEATURES = 20


def plots(evaluation: Evaluation) -> dict[str, bytes]:
    """File name -> PNG of what ``evaluation`` has figures for."""
    pictures = {}
    if np.asarray(evaluation.confusion).size:
        pictures["confusion.png"] = confusion(evaluation)
    if evaluation.calibration:
        pictures["calibration.png"] = calibration(evaluation)
    if evaluation.importance:
        pictures["importance.png"] = importance(evaluation)
    return pictures


def confusion(evaluation: Evaluation) -> bytes:
    """The confusion matrix: counts, coloured by the share of each true class."""
    counts = np.asarray(evaluation.confusion, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _canvas(5.2, 4.6)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(evaluation.classes))
    axes.set_xticks(ticks, evaluation.classes)
    axes.set_yticks(ticks, evaluation.classes)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{count:,.0f}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true", title=f"Confusion on {evaluation.rows:,} test rows")
    return _png(figure)


def calibration(evaluation: Evaluation) -> bytes:
    """Stated confidence against how often it was right, a point a bin."""
    stated = [bin_["confidence"] for bin_ in evaluation.calibration]
    observed = [bin_["accuracy"] for bin_ in evaluation.calibration]
    sizes = np.array([bin_.get("rows", 1.0) for bin_ in evaluation.calibration])
    figure, axes = _canvas(5, 4.6)
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", linewidth=1)
    axes.plot(stated, observed, color="tab:blue", linewidth=1)
    axes.scatter(stated, observed, s=20 + 180 * sizes / max(sizes.max(), 1), alpha=0.6)
    axes.set(xlabel="stated confidence", ylabel="share that was right", title="Calibration", xlim=(0, 1))
    axes.set_ylim(0, 1)
    return _png(figure)


def importance(evaluation: Evaluation) -> bytes:
    """The features that matter most."""
    ranked = sorted(evaluation.importance.items(), key=lambda item: item[1])[-TOP_FEATURES:]
    figure, axes = _canvas(6, 0.8 + 0.26 * len(ranked))
    axes.barh([name for name, _ in ranked], [value for _, value in ranked], color="tab:blue")
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="importance", title=f"Top {len(ranked)} features")
    return _png(figure)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="tight")
    return figure, figure.subplots()


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
