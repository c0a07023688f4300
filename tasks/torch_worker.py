"""One of several processes that train together: ``torchrun ... -m tasks.torch_worker FOLDER``.

``FOLDER/job.json`` says what to train. The first process writes the model's files to ``FOLDER/files``, which
appears whole or not at all, and prints each line of progress. An error of ours is left in ``problem.json``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from config.errors import AssayError, TrainingError
from config.settings import load_settings
from models.family import get_family
from models.images.threads import wait_quietly
from tasks.heavy_training import FILES, PROBLEM, context_of, describe, stream_rows
from tasks.options import devices_of, options_of
from tasks.platform import platform


def work(folder: Path) -> None:
    """Train as one of the group that torchrun has made."""
    wait_quietly()
    from torch import distributed

    settings = load_settings()
    job = json.loads((folder / "job.json").read_text())
    family = get_family(job["family"])
    devices = devices_of(family.name, settings)
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if world != len(devices):
        raise TrainingError(f"There are {world} processes for {len(devices)} devices.")
    on_gpu = devices[rank].startswith("cuda")
    if on_gpu:
        import torch

        torch.cuda.set_device(devices[rank])
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        with platform() as parts:
            rows = stream_rows(parts, parts.datasets.find(job["dataset"]), family, job["limit"])
        if rows.dataset_sha256 != job["dataset_sha256"]:
            raise TrainingError(f"{job['dataset']} is another version than when the training began.")
        context = context_of(family, rows, job["params"], settings, devices, say=_say, rank=rank)
        options = options_of(family, settings)
        fitted = family.fit(
            rows.train, rows.valid, options, job["params"], settings.training_seed, context=context
        )
        if rank == 0:
            _leave(folder, fitted.to_files())
    finally:
        distributed.destroy_process_group()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _leave(folder: Path, files: dict[str, bytes]) -> None:
    staging = folder / f".{FILES}"
    staging.mkdir()
    for name, data in files.items():
        (staging / name).write_bytes(data)
    staging.rename(folder / FILES)


def main(argv: list[str]) -> int:
    """Work; 1 after an error of ours, which is left in the folder."""
    folder = Path(argv[0])
    try:
        work(folder)
    except AssayError as error:
        (folder / PROBLEM).write_text(describe(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
