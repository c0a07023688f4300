"""Pictures of an evaluation as PNG bytes: figures of their own, without pyplot's global state."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.family import Evaluation, Mistake, Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP_FEATURES = 20
#: From more than so many on, class names are written at a slant.
MANY_CLASSES = 6
SHEET_COLUMNS = 6
MARKERS = "os^DvP"


def plots(evaluation: Evaluation) -> dict[str, bytes]:
    """File name -> PNG of what ``evaluation`` has figures for."""
    pictures = {}
    if np.asarray(evaluation.confusion).size:
        pictures["confusion.png"] = confusion(evaluation)
    if evaluation.calibration:
        pictures["calibration.png"] = calibration(evaluation)
    if evaluation.importance:
        pictures["importance.png"] = importance(evaluation)
    if evaluation.projection is not None and len(evaluation.projection.points):
        pictures["embedding.png"] = embedding(evaluation, evaluation.projection)
    if evaluation.mistakes:
        pictures["mistakes.png"] = mistakes(evaluation.mistakes)
    return pictures


def confusion(evaluation: Evaluation) -> bytes:
    """The confusion matrix: counts, coloured by the share of each true class."""
    counts = np.asarray(evaluation.confusion, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    many = len(evaluation.classes) > MANY_CLASSES
    side = 2.4 + 0.58 * len(evaluation.classes) if many else 5.2
    figure, axes = _canvas(side, side - 0.6)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(evaluation.classes))
    axes.set_xticks(ticks, evaluation.classes)
    if many:
        axes.tick_params(axis="x", rotation=90)
    axes.set_yticks(ticks, evaluation.classes)
    for (row, column), count in np.ndenumerate(counts):
        if many and not count:
            continue  # a few numbers are found at once among empty cells, not among zeros
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


def mistakes(found: Sequence[Mistake]) -> bytes:
    """A sheet of wrongly answered pictures, the worst first, each with its class and the answer."""
    from matplotlib.figure import Figure

    lines = math.ceil(len(found) / SHEET_COLUMNS)
    figure = Figure(figsize=(1.55 * SHEET_COLUMNS, 2.0 * lines + 0.5), layout="constrained")
    cells = figure.subplots(lines, SHEET_COLUMNS, squeeze=False).ravel()
    for cell, mistake in zip(cells, found, strict=False):
        cell.imshow(mistake.picture, interpolation="nearest")
        title = f"is {mistake.truth}\nnot {mistake.answer} ({mistake.confidence:.0%})"
        cell.set_title(title, fontsize=8)
    for cell in cells:
        cell.axis("off")
    figure.suptitle("The worst mistakes on the test rows", fontsize=10)
    return _png(figure)


def shown_in_mistakes(found: Sequence[Mistake]) -> list[dict[str, Any]]:
    """JSON-ready list of what the sheet shows, in its order: whose picture each is, so that it can be found
    when that person is to be forgotten.
    """
    return [
        {"entity": one.entity, "truth": one.truth, "answer": one.answer, "confidence": one.confidence}
        for one in found
    ]


def embedding(evaluation: Evaluation, projection: Projection) -> bytes:
    """Test rows in the plane, a colour and a sign a class, with the class's name at its median."""
    figure, axes = _canvas(8.4, 6.4)
    colours = _colours(len(evaluation.classes))
    for number, name in enumerate(evaluation.classes):
        points = projection.points[projection.labels == number]
        if not len(points):
            continue
        sign = MARKERS[number % len(MARKERS)]
        x, y = points.T
        axes.scatter(x, y, s=16, color=colours[number], marker=sign, alpha=0.8, linewidths=0, label=name)
        x, y = np.median(points, axis=0)
        box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8}
        axes.text(x, y, name, fontsize=8, ha="center", va="center", weight="bold", bbox=box)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False, markerscale=1.5)
    axes.set(title=f"Embeddings of {len(projection.points):,} test rows in the plane")
    return _png(figure)


def _colours(count: int) -> np.ndarray:
    """(count, 4) colours that differ."""
    from matplotlib import colormaps

    name = "tab10" if count <= 10 else "tab20"
    return np.asarray(colormaps[name](np.arange(count) % colormaps[name].N))


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="tight")
    return figure, figure.subplots()


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
