"""Fit: photos to crops, crops to a network, the network to the files that are served."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import TrainingError
from models.family import Rows
from models.images.options import BACKBONE, DETECTOR, PhotoOptions
from models.images.params import FitParams, parse_params
from models.images.predictor import Facts, PhotoPredictor
from models.images.prepare import Preparer
from models.images.threads import wait_quietly
from models.streams import RowStream
from models.training_context import TrainingContext

P = TypeVar("P", bound=PhotoPredictor)
FEWEST_ROWS = 20
#: Part of the cache that the training photos get; the validation photos get the rest.
_TRAIN_SHARE = 0.8
_LIBRARIES = ("torch", "onnxruntime", "opencv-python-headless", "pillow", "numpy")


def learn(
    make: type[P],
    train: Rows,
    valid: Rows,
    options: PhotoOptions,
    params: Mapping[str, Any],
    seed: int,
    *,
    context: TrainingContext | None = None,
    hint: str | None = None,
) -> P:
    """A predictor fitted to labelled photos; the same inputs, seed and device give the same files.

    Photos that cannot be opened are left out, counted and said. A class of which no photo is to train on is
    never answered. In a group of processes each takes its share of the rows, and all return the same predictor.

    Args:
        make: the family's predictor.
        train: labelled photos, as a stream or a table with the column ``image``.
        valid: labelled photos of other users: they end the training, and calibrate it.
        options: the classes, and how a photo is opened; weights for the backbone among its assets.
        params: overrides of :class:`models.images.params.FitParams`.
        seed: of everything random.
        context: device, memory, checkpoints, progress; None: the defaults.
        hint: what to do where the photos are of too few classes.

    Raises:
        TrainingError: too few photos or classes, an unknown parameter, weights that do not fit, no such device.
    """
    wait_quietly()
    chosen = parse_params(params)
    context = _with_backbone(context or TrainingContext(), options)
    known = _known_classes(train, options, hint)
    prepare = Preparer(chosen.size, options.limits, options.faces, options.assets.get(DETECTOR))
    return _Fit(train, valid, options, chosen, seed, context, known, prepare).run(make)


class _Fit:
    """What one fit works with."""

    def __init__(
        self,
        train: Rows,
        valid: Rows,
        options: PhotoOptions,
        params: FitParams,
        seed: int,
        context: TrainingContext,
        known: tuple[int, ...],
        prepare: Preparer,
    ) -> None:
        from models.images.crops import Crops, as_stream
        from models.images.group import Group

        self.options, self.params, self.seed, self.context = options, params, seed, context
        self.known, self.group = known, Group(context.rank, context.world)
        train, valid = as_stream(train), as_stream(valid)
        self.counts = np.bincount(class_numbers(train, options), minlength=len(options.classes))
        train, valid = self._mine(train), self._mine(valid)
        rooms = _rooms(train, valid, context.cache_bytes)
        size = params.size
        self.train = Crops(train, self._labels(train), prepare.crop, size, rooms[0])
        self.valid = Crops(valid, self._labels(valid), prepare.crop, size, rooms[1])

    def run(self, make: type[P]) -> P:
        """Train and finish."""
        from models.images.finishing import finish
        from models.images.fitting import fit_classifier

        self._check_photos()
        params, group = self.params, self.group
        fitted = fit_classifier(self.train, self.valid, len(self.known), params, self.seed, self.context)
        done = finish(fitted, self.train, self.valid, group, int8=params.int8, none_rate=params.none_rate)
        files = group.from_leader(self._files(fitted) if group.leads else None)
        facts = {**self._facts(), "training": fitted.facts, "export": done.facts}
        return make(
            Facts(self.options, self.known, done.calibration, facts),
            model=done.model,
            centroids=fitted.centroids,
            weights=files[0],
            baseline=files[1],
            detector=self.options.assets.get(DETECTOR),
        )

    def _mine(self, rows: RowStream) -> RowStream:
        """The share of this process of the rows whose class is trained on."""
        kept = np.isin(class_numbers(rows, self.options), self.known)
        mine = rows.filter(kept)
        return mine.filter(self.group.share(mine.num_rows)) if self.group.world > 1 else mine

    def _labels(self, rows: RowStream) -> np.ndarray:
        """(n,) place of each row's class among those that are trained on."""
        return np.searchsorted(self.known, class_numbers(rows, self.options))

    def _check_photos(self) -> None:
        """Say how many photos there are, and raise TrainingError when they are too few."""
        for name, crops in (("training", self.train), ("validation", self.valid)):
            counts = np.array([len(crops), len(crops.kept), crops.unreadable])
            rows, kept, unreadable = (int(count) for count in self.group.total(counts))
            if rows < FEWEST_ROWS:
                raise TrainingError(
                    f"There are {rows} {name} photos that can be opened; at least {FEWEST_ROWS} are needed.",
                    hint="Verify more candidates, or add a gold set.",
                )
            said = f"{rows:,} {name} photos"
            if kept < rows:
                said += f", of which {kept:,} stay in memory"
            if unreadable:
                said += f"; {unreadable:,} cannot be opened and are left out"
            if self.group.leads:
                self.context.say(said)
        present = self.group.total(np.bincount(self.train.labels, minlength=len(self.known)))
        if (present > 0).sum() < 2:
            raise TrainingError("The photos that can be opened are of one class only.")

    def _files(self, fitted: Any) -> tuple[bytes, np.ndarray]:
        """The network's weights, and the matrix of the baseline."""
        from safetensors.torch import save

        from models.images.baseline import MOST, fit_baseline

        crops, labels = self.train.kept, self.train.kept_labels
        if not len(crops):
            crops, labels = next(self.train.in_order(MOST))
        weights = {name: value.contiguous() for name, value in fitted.net.state_dict().items()}
        return save(weights), fit_baseline(crops, labels, len(self.known), self.seed)

    def _facts(self) -> dict[str, Any]:
        counted = [np.array([crops.readable, crops.unreadable]) for crops in (self.train, self.valid)]
        totals = [self.group.total(counts) for counts in counted]
        backbone = self.context.backbone
        return {
            "rows": {"train": int(totals[0][0]), "valid": int(totals[1][0])},
            "unreadable": {"train": int(totals[0][1]), "valid": int(totals[1][1])},
            "params": self.params.describe(),
            "seed": self.seed,
            "class_counts": dict(zip(self.options.classes, self.counts.tolist(), strict=True)),
            "backbone_sha256": hashlib.sha256(backbone).hexdigest() if backbone else None,
            "processes": self.context.world,
            "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        }


def class_numbers(rows: Rows, options: PhotoOptions) -> np.ndarray:
    """(n,) place of each row's label among the classes; -1 for none of them."""
    places = pc.index_in(rows["label"], value_set=pa.array(options.classes, pa.string()))
    return np.asarray(pc.fill_null(places, -1), dtype=np.int64)


def _known_classes(train: Rows, options: PhotoOptions, hint: str | None) -> tuple[int, ...]:
    present = np.unique(class_numbers(train, options))
    known = tuple(int(number) for number in present if number >= 0)
    if len(known) < 2:
        raise TrainingError(
            f"The training photos are of {len(known)} of the {len(options.classes)} classes; at least two are"
            " needed.",
            hint=hint,
        )
    return known


def _rooms(train: RowStream, valid: RowStream, cache: int) -> tuple[int, int]:
    """Bytes for the crops of either, in proportion to their rows but never all for one."""
    total = max(1, train.num_rows + valid.num_rows)
    share = min(max(train.num_rows / total, 1.0 - _TRAIN_SHARE), 0.95)
    return int(cache * share), int(cache * (1.0 - share))


def _with_backbone(context: TrainingContext, options: PhotoOptions) -> TrainingContext:
    given = options.assets.get(BACKBONE)
    return replace(context, backbone=given) if context.backbone is None and given is not None else context
