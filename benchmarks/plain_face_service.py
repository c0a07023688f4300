"""The face service as a good team would write it with FastAPI: what ours is measured against.

A pydantic model a request, an endpoint in FastAPI's own threads, base64, Pillow, the photo set upright, a face
found, its square cut out, torch in inference mode, cosines with the centroids, softmax, JSON. It loads
the same model files (``MODEL_FILES``: a folder). Faces are found by our own finder (``FINDER=ours``), or as
OpenCV's tutorials do it (``FINDER=opencv``); torch takes ``TORCH_THREADS`` threads, its own number when unset.
Recording, limits on pixels and the swap of versions are left out.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from fastapi import FastAPI, HTTPException
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file

from models.images.faces import Face, FaceFinder, align
from models.images.net import EmbeddingNet, NetShape


class Question(BaseModel):
    """The request's fields."""

    model_config = ConfigDict(extra="forbid")

    images: list[str] = Field(min_length=1, max_length=10)
    user_id: str | None = None
    photos: list[str] | None = None


class Photo(BaseModel):
    """The answer for one photo."""

    index: int
    style: str
    confidence: float
    probabilities: dict[str, float]
    none_of_these: bool
    face_box: list[int] | None


class Answer(BaseModel):
    """The answer's fields."""

    style: str
    confidence: float
    probabilities: dict[str, float]
    photos: list[Photo]
    model_version: str
    prediction_time_ms: float


class TutorialFinder:
    """``detectMultiScale(grey, 1.1, 5)`` on the whole picture, with the same cascade."""

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")

    def find(self, pixels: np.ndarray) -> list[Face]:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        boxes = self._cascade.detectMultiScale(grey, 1.1, 5)
        return sorted((Face(*map(int, box), 1.0) for box in boxes), key=lambda face: -face.width)


if threads := os.environ.get("TORCH_THREADS"):
    torch.set_num_threads(int(threads))
cv2.setNumThreads(1)
_folder = Path(os.environ["MODEL_FILES"])
_facts: dict[str, Any] = json.loads((_folder / "model.json").read_text())
_classes: list[str] = [_facts["options"]["classes"][number] for number in _facts["known"]]
_params = _facts["facts"]["params"]
_net = EmbeddingNet(NetShape(**{name: _params[name] for name in ("size", "width", "depth", "embedding")}))
_net.load_state_dict(load_file(_folder / "weights.safetensors"))
_net.eval()
_centroids = torch.from_numpy(np.load(_folder / "centroids.npy"))
_scale, _threshold = _facts["calibration"]["scale"], _facts["calibration"]["threshold"]
_finder = TutorialFinder() if os.environ.get("FINDER") == "opencv" else FaceFinder()

app = FastAPI(title="Face styles")


def look_at(index: int, text: str) -> Photo:
    """One photo."""
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (binascii.Error, OSError, ValueError) as error:
        raise HTTPException(422, f"images[{index}] cannot be opened") from error
    faces = _finder.find(pixels)
    face = faces[0] if faces else None
    crop = align(pixels, face, _params["size"])
    with torch.inference_mode():
        embedding = _net(torch.from_numpy(crop).permute(2, 0, 1)[None].float())[0]
        cosines = _centroids @ embedding
        chances = torch.softmax(_scale * cosines, dim=0)
    values = dict(zip(_classes, chances.tolist(), strict=True))
    best = max(values, key=values.__getitem__)
    return Photo(
        index=index,
        style=best,
        confidence=values[best],
        probabilities=values,
        none_of_these=bool(1 - cosines.max() > _threshold),
        face_box=[face.x, face.y, face.width, face.height] if face else None,
    )


@app.post("/predict")
def predict(question: Question) -> Answer:
    """Photos of one person."""
    started = time.perf_counter()
    photos = [look_at(index, text) for index, text in enumerate(question.images)]
    means = {name: sum(photo.probabilities[name] for photo in photos) / len(photos) for name in _classes}
    best = max(means, key=means.__getitem__)
    return Answer(
        style=best,
        confidence=means[best],
        probabilities=means,
        photos=photos,
        model_version="1",
        prediction_time_ms=1000 * (time.perf_counter() - started),
    )
