"""The fitted face model behind a typed ``predict``: plain files, no torch, safe in many threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from models.face.options import FaceOptions
from models.images.classifier import Answers
from models.images.predictor import Facts, PhotoPredictor, load_photo_model
from models.images.prepare import Prepared

__all__ = ["FacePredictor", "Facts", "load"]


class FacePredictor(PhotoPredictor):
    """Answers what style a photo of a person is of.

    Raises:
        ModelInvalid: the arrays do not fit together.
    """

    family: ClassVar[str] = "face"
    options_class: ClassVar[type[FaceOptions]] = FaceOptions

    def _answer(self, seen: Prepared, chances: list[float], found: Answers, row: int) -> dict[str, Any]:
        answer = super()._answer(seen, chances, found, row)
        size = {name: answer.pop(name) for name in ("width", "height")}
        face = {"face_box": list(seen.face_box) if seen.face_box else None, "faces": seen.faces}
        return {**answer, **face, **size}


def load(files: Mapping[str, bytes]) -> FacePredictor:
    """The predictor out of the files of :meth:`FacePredictor.to_files`.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    return load_photo_model(FacePredictor, files)
