"""How fast the face family trains, in how much memory, and what its network takes for an answer."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.face_bench import faster, file_of, row
from models.face.options import FaceOptions
from models.face.schema import EXAMPLE_SCHEMA
from models.face.training import fit
from models.images.threads import wait_quietly
from models.streams import RowStream
from models.training_context import TrainingContext

SEED = 7
SPEED_ROWS, SPEED_PIXELS, SPEED_EPOCHS = 2048, 160, 5
MEMORY_ROWS = 2000


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    wait_quietly()
    return [*_answer_speed(), *_training_speed(), *_memory()]


# -- training --------------------------------------------------------------------------------------
def _training_speed() -> list[dict[str, Any]]:
    """Images a second after the first epoch, from a stored version, against a bare loop over tensors."""
    with tempfile.TemporaryDirectory() as folder:
        rows = stored_rows(Path(folder), SPEED_ROWS)
        turns = [(_bare_speed(), _fit_speed(rows, 512 << 20)) for _ in range(3)]
        streamed = _fit_speed(rows, 0, epochs=3)
    bare, ours = (statistics.median(column) for column in zip(*turns, strict=True))
    return [
        faster("training: images a second, from a stored version", ours, bare, "1/s",
                "other: the same network and optimizer on tensors in memory, not augmented; median of 3"),
        faster("the same with no cache: each photo read, decoded and searched for a face each epoch", streamed,
                bare, "1/s", "other: the same"),
    ]  # fmt: skip


def _fit_speed(rows: RowStream, cache: int, epochs: int = SPEED_EPOCHS) -> float:
    """Rows a second of the epochs after the first."""
    ends: list[float] = []

    def say(text: str) -> None:
        if text.startswith("epoch"):
            ends.append(time.perf_counter())

    learn = rows.filter(np.arange(rows.num_rows) >= 64)
    hold = rows.filter(np.arange(rows.num_rows) < 64)
    params = {"epochs": epochs, "patience": epochs, "int8": False}
    fit(learn, hold, SPEED_OPTIONS, params, SEED, context=TrainingContext(say=say, cache_bytes=cache))
    return learn.num_rows * (len(ends) - 1) / (ends[-1] - ends[0])


def _bare_speed() -> float:
    """Rows a second of a plain loop with the same network."""
    import torch
    from torch.nn import functional as nf

    from models.images.net import NetShape, Trainee
    from models.images.params import FitParams
    from models.images.surroundings import pick_device, repeatable

    params, device = FitParams(), pick_device("auto")
    with repeatable(device, SEED):
        shape = NetShape(params.size, params.width, params.depth, params.embedding)
        model = Trainee(shape, len(SPEED_OPTIONS.classes)).to(memory_format=torch.channels_last).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate)
        crops = torch.randint(0, 256, (SPEED_ROWS, 3, params.size, params.size), dtype=torch.uint8)
        labels = torch.randint(0, len(SPEED_OPTIONS.classes), (SPEED_ROWS,))
        began = 0.0
        for epoch in range(SPEED_EPOCHS):
            if epoch == 1:
                began = time.perf_counter()
            for chosen in torch.randperm(SPEED_ROWS).split(params.batch):
                batch = crops[chosen].to(device).float().contiguous(memory_format=torch.channels_last)
                loss = nf.cross_entropy(params.scale * model(batch), labels[chosen].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        float(loss.detach())  # waits for a GPU to be done
        return SPEED_ROWS * (SPEED_EPOCHS - 1) / (time.perf_counter() - began)


SPEED_OPTIONS = FaceOptions(classes=tuple(f"class {number}" for number in range(15)))


def stored_rows(folder: Path, count: int) -> RowStream:
    """A version of photos in a folder store, opened as a retraining opens it."""
    from storage.datasets.repository import DatasetRepository
    from storage.objects_local import LocalStore

    repository = DatasetRepository(LocalStore(folder))
    manifest = repository.publish(
        family="face", stage="full", period="2026-10", schema=EXAMPLE_SCHEMA, batches=_photos(count),
        made_by="benchmark", label="label", split="split",
    ).manifest  # fmt: skip
    light = [name for name in EXAMPLE_SCHEMA.names if name != "image"]
    return RowStream(repository.table(manifest, light), lambda: repository.batches(manifest))


def _photos(count: int) -> Iterator[pa.RecordBatch]:
    """Blurred noise as JPEG files: real work for decoder and face finder, at little cost to make."""
    rng = np.random.default_rng(SEED)
    for start in range(0, count, 256):
        rows = [_photo(number, rng) for number in range(start, min(start + 256, count))]
        yield pa.RecordBatch.from_pylist(rows, schema=EXAMPLE_SCHEMA)


def _photo(number: int, rng: np.random.Generator) -> dict[str, Any]:
    return dict.fromkeys(EXAMPLE_SCHEMA.names) | {
        "photo": f"photo-{number}",
        "user_id": f"user-{number}",
        "at": datetime(2026, 10, 1, tzinfo=UTC),
        "label": SPEED_OPTIONS.classes[number % len(SPEED_OPTIONS.classes)],
        "split": "train",
        "image": _made_up(rng),
    }


def _made_up(rng: np.random.Generator) -> bytes:
    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return file_of(np.asarray(Image.fromarray(coarse).resize((SPEED_PIXELS, SPEED_PIXELS))), "JPEG")


# -- memory ----------------------------------------------------------------------------------------
_MEASURED = """
import resource, sys, tempfile
from pathlib import Path
from benchmarks.face_training_bench import SEED, SPEED_OPTIONS, stored_rows
from models.face.training import fit
from models.training_context import TrainingContext
import numpy as np
with tempfile.TemporaryDirectory() as folder:
    rows = stored_rows(Path(folder), int(sys.argv[1]))
    learn, hold = (rows.filter((np.arange(rows.num_rows) < 64) == held) for held in (False, True))
    params = {"epochs": 2, "int8": False}
    fit(learn, hold, SPEED_OPTIONS, params, SEED, context=TrainingContext(cache_bytes=4 << 20))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _memory() -> list[dict[str, Any]]:
    peaks = []
    for rows in (2 * MEMORY_ROWS, MEMORY_ROWS):
        command = [sys.executable, "-c", _MEASURED, str(rows)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
        )
        peaks.append(float(done.stdout.split()[-1]))
    note = f"other: {MEMORY_ROWS:,} photos; both stream through a cache of 4 MB, in a process of their own"
    return [row(f"peak memory of a fit of {2 * MEMORY_ROWS:,} photos", *peaks, "MB", note)]


# -- answers ---------------------------------------------------------------------------------------
def _answer_speed() -> list[dict[str, Any]]:
    """What 8 bits gain on one thread: the reason for the parameter's default."""
    import torch

    from models.images.classifier import open_session
    from models.images.export import INPUT, export, quantised
    from models.images.net import EmbeddingNet, NetShape

    torch.manual_seed(SEED)
    crops = np.random.default_rng(SEED).integers(0, 256, (64, 64, 64, 3), dtype=np.uint8)
    whole = export(EmbeddingNet(NetShape()).eval(), crops).model
    times: dict[str, list[float]] = {"int8": [], "float32": []}
    sessions = {"int8": open_session(quantised(whole, crops)), "float32": open_session(whole)}
    for turn in range(400):
        for name, session in sessions.items():
            began = time.perf_counter()
            session.run(None, {INPUT: crops[:1]})
            if turn >= 50:
                times[name].append(time.perf_counter() - began)
    ours, other = (statistics.median(times[name]) * 1e3 for name in ("int8", "float32"))
    return [row("the network on one crop, one thread, int8", ours, other, "ms", "other: float32")]
