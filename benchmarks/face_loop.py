"""The face service's work without a service: ``python -m benchmarks.face_loop MODEL_FOLDER BODY_FILE SECONDS``.

One process, one thread. Prints one JSON object: photos a second from bytes to answer (decoded, face found, cut
out, onnxruntime), the processor time of one in milliseconds, and crops a second of onnxruntime alone on crops
that are ready.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP = 10


def per_second(work: Callable[[], Any], seconds: float) -> float:
    """How often ``work`` is done in a second."""
    for _ in range(WARM_UP):
        work()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        work()
        count += 1
    return count / (time.perf_counter() - began)


def main(folder: Path, body: Path, seconds: float) -> dict[str, float]:
    import cv2

    from models.face.predictor import load

    cv2.setNumThreads(1)
    predictor = load({path.name: path.read_bytes() for path in folder.iterdir()})
    photo = base64.b64decode(json.loads(body.read_text())["images"][0])
    crop = predictor.prepare(photo).crop[None]
    before = time.process_time()
    photos = per_second(lambda: predictor.answer_photo(photo), seconds)
    spent = time.process_time() - before
    return {
        "photos": photos,
        "cpu": 1000 * spent / (photos * seconds + WARM_UP),
        "crops": per_second(lambda: predictor.classifier.embed(crop), min(seconds, 1.0)),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))))
