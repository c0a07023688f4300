"""The face family on real pictures: accuracy and calibration beside a plain method."""

from __future__ import annotations

import io
import os
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from models.face.options import FaceOptions
from models.face.training import fit
from models.images.threads import wait_quietly
from models.metrics import Measured, measure

SEED = 7
FOLDS = 5
#: Folds that are measured: all of the small set, two of the large one.
MEASURED = {"yale": 5, "cifar": 2}
#: Part of a fold's training pictures that the fit validates on.
VALID = 0.12
#: Cut faces under hard light, never mirrored; the net needs more passes over fewer pictures.
YALE_PARAMS: dict[str, Any] = {"size": 32, "epochs": 40, "patience": 15, "flip": False, "shade": 0.8}
CIFAR_PARAMS: dict[str, Any] = {"size": 32, "epochs": 40, "patience": 12}
PUBLISHED = {"yale": 0.931, "cifar": 0.363}
SPEED_ROWS, SPEED_PIXELS, SPEED_EPOCHS = 2048, 160, 5
MEMORY_ROWS = 2000


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    wait_quietly()
    return _quality()


# -- accuracy on real pictures ---------------------------------------------------------------------
def _quality() -> list[dict[str, Any]]:
    folder = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "images"
    rows = []
    yale, cifar = folder / "yaleb_faces38" / "YaleB_32x32.mat", folder / "cifar10_train5000.zip"
    for title, path, read, params, against, published in (
        ("Yale B faces", yale, read_yale, YALE_PARAMS, "PCA + linear SVM", "yale"),
        ("CIFAR-10, 5,000", cifar, read_cifar, CIFAR_PARAMS, "grey SVM", "cifar"),
    ):
        if path.is_file():
            rows += _folds(title, *read(path), params, against, published)
        else:
            rows.append(
                row(f"accuracy: {title}", None, None, "", "the data are not on this machine (ASSAY_DATA)")
            )
    return rows


def read_yale(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n, 32, 32, 3) uint8 pictures and (n,) people's numbers."""
    from scipy.io import loadmat

    stored = loadmat(path)
    grey = stored["features"].T.reshape(-1, 32, 32).transpose(0, 2, 1)
    return np.repeat(grey[..., None], 3, axis=3), stored["Label"].ravel().astype(int) - 1


def read_cifar(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n, 32, 32, 3) uint8 pictures and (n,) class numbers."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]
    folders = [name.split("/")[-2] for name in names]
    return np.stack(pictures), np.unique(folders, return_inverse=True)[1]


def _folds(
    title: str, pictures: np.ndarray, truth: np.ndarray, params: dict[str, Any], against: str, name: str
) -> list[dict[str, Any]]:
    """Stratified folds; both sides learn from the same pictures and are measured on the same ones."""
    from sklearn.model_selection import StratifiedKFold, train_test_split

    classes = tuple(f"class {number}" for number in range(int(truth.max()) + 1))
    options = FaceOptions(classes=classes, faces="whole")
    chances = np.zeros((len(truth), len(classes)))
    answers = np.zeros(len(truth), np.int64)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(pictures, truth)
    seen = np.zeros(len(truth), bool)
    for train, test in islice(folds, MEASURED[name]):
        seen[test] = True
        learn, hold = train_test_split(train, test_size=VALID, stratify=truth[train], random_state=SEED)
        tables = [table_of(pictures[rows], truth[rows], classes) for rows in (learn, hold, test)]
        predictor = fit(tables[0], tables[1], options, params, SEED)
        found = predictor.predict(tables[2])
        chances[test] = [[answer["probabilities"][name] for name in classes] for answer in found]
        answers[test] = _svm(pictures[train], truth[train], pictures[test], against)
    truth, chances, answers = truth[seen], chances[seen], answers[seen]
    ours = measure(truth, chances, chances.argmax(axis=1), np.arange(len(truth)), seed=SEED)
    other = measure(truth, np.eye(len(classes))[answers], answers, np.arange(len(truth)), seed=SEED)
    ends = f"{_ends(ours, 'accuracy')}, other {_ends(other, 'accuracy')}"
    note = f"{MEASURED[name]} of {FOLDS} folds, {len(truth):,} pictures; {ends}"
    calibration = f"other: none; log loss {ours.metrics['log_loss']:.3f}"
    return [
        row(f"accuracy: {title}, against {against}", ours.metrics["accuracy"], other.metrics["accuracy"], "",
             f"{note}; published for it {PUBLISHED[name]:.3f}"),
        row(f"calibration error: {title}", ours.metrics["calibration_error"], None, "", calibration),
    ]  # fmt: skip


def _svm(train: np.ndarray, truth: np.ndarray, test: np.ndarray, kind: str) -> np.ndarray:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    flat, unseen = (rows.mean(axis=3).reshape(len(rows), -1) / 255.0 for rows in (train, test))
    if kind == "grey SVM":
        model = make_pipeline(StandardScaler(), SVC())
    else:
        model = make_pipeline(PCA(150, whiten=True, random_state=SEED), SVC(kernel="linear"))
    return np.asarray(model.fit(flat, truth).predict(unseen))


def _ends(measured: Measured, name: str) -> str:
    return "95 % [{:.3f}, {:.3f}]".format(*measured.intervals[name])


def table_of(pictures: np.ndarray, truth: np.ndarray, classes: tuple[str, ...]) -> pa.Table:
    """Labelled photos, as PNG files, each of a user of its own."""
    rows = [
        {
            "photo": str(number),
            "user_id": str(number),
            "label": classes[place],
            "image": file_of(picture, "PNG"),
        }
        for number, (picture, place) in enumerate(zip(pictures, truth, strict=True))
    ]
    return pa.Table.from_pylist(rows)


def file_of(pixels: np.ndarray, form: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format=form)
    return out.getvalue()


def row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = other / ours if ours and other and unit else None
    return {"figure": figure, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}


def faster(figure: str, ours: float, other: float, unit: str, note: str) -> dict[str, Any]:
    """A figure of which more is better: the ratio is ours by the other's."""
    return {"figure": figure, "ours": ours, "other": other, "ratio": ours / other, "unit": unit, "note": note}
