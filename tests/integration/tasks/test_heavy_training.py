"""Training from a stored version: killed and taken up again, in one process and in several."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from config.errors import DatasetError, TrainingError
from config.settings import Settings
from models.family import get_family
from models.streams import RowStream
from storage.datasets.manifest import Manifest
from storage.datasets.repository import DatasetRepository
from storage.objects import open_store
from tasks.heavy_training import checkpoints_of, fit_heavy
from tasks.training import load_rows, resolve_dataset
from tests.face_world import CLASSES, TINY, face_rows

FACE = get_family("face")
QUICK = {**TINY, "epochs": 4, "int8": False}
FIT = """
import json, sys
from config.settings import load_settings
from models.family import get_family
from tasks.heavy_training import fit_heavy
from tasks.training import load_rows, resolve_dataset
rows = load_rows.fn(resolve_dataset.fn("face", None), None)
fit_heavy(get_family("face"), rows, json.loads(sys.argv[1]), load_settings())
"""


@pytest.fixture
def face_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as a flow's process finds them, with the classes that the drawn portraits have."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    environment = {
        "ASSAY_HOME": str(settings.home),
        "DB_HOST": str(settings.db_host),
        "DB_PORT": str(settings.db_port),
        "DB_PASSWORD": password,
        "DB_NAME": settings.db_name,
        "FACE_CLASSES": ",".join(CLASSES),
        "FACE_DEVICE": "cpu",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settings.model_copy(update={"face_classes": CLASSES, "face_device": "cpu"})


@pytest.fixture
def version(face_settings: Settings) -> Manifest:
    """A full version of drawn portraits."""
    rows = pa.concat_tables(
        face_rows(users, seed, split=split)
        for users, seed, split in ((20, 1, "train"), (8, 2, "valid"), (8, 3, "test"))
    )
    return (
        DatasetRepository(open_store(face_settings))
        .publish(
            family="face",
            stage="full",
            period="2026-10",
            schema=FACE.schema,
            batches=rows.to_batches(max_chunksize=7),
            made_by="tests",
            label="label",
            split="split",
        )
        .manifest
    )


def checkpoints(settings: Settings) -> list[str]:
    return [info.key for info in open_store(settings).list("models/checkpoints/face/")]


def loaded() -> Any:
    return load_rows.fn(resolve_dataset.fn("face", None), None)


def test_rows_of_a_family_with_photos_are_streams_by_role(version: Manifest) -> None:
    rows = loaded()

    assert rows.counts == {"train": 60, "valid": 24, "test": 24}
    assert isinstance(rows.test, RowStream)
    assert "image" not in rows.test.schema.names
    photos = [len(photo) for batch in rows.test.batches() for photo in batch.column("image").to_pylist()]
    assert len(photos) == 24
    assert all(photos)


def test_a_version_without_the_photos_is_refused(face_settings: Settings) -> None:
    rows = face_rows(4).drop_columns(["image"])
    DatasetRepository(open_store(face_settings)).publish(
        family="face", stage="full", period="2026-10", schema=rows.schema, batches=rows.to_batches(),
        made_by="tests", label="label", split="split",
    )  # fmt: skip

    with pytest.raises(DatasetError, match="columns of family 'face': image"):
        loaded()


def test_a_training_killed_in_the_middle_goes_on_to_the_same_model(
    version: Manifest, face_settings: Settings
) -> None:
    import json

    params = {**QUICK, "epochs": 12, "patience": 12}
    whole = fit_heavy(FACE, loaded(), {**params}, face_settings).to_files()
    store = checkpoints_of(FACE, loaded(), params, face_settings)
    store.clear()

    process = subprocess.Popen([sys.executable, "-c", FIT, json.dumps(params)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while (store.latest() or (0,))[0] < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    reached = store.latest()
    assert reached is not None
    assert 3 <= reached[0] < 12

    again = fit_heavy(FACE, loaded(), params, face_settings).to_files()

    assert again == whole
    assert (
        len(
            [
                key
                for key in checkpoints(face_settings)
                if key.endswith(".json") and "-" not in Path(key).stem[5:]
            ]
        )
        == 2
    )


def test_two_processes_train_one_model_that_learns(
    version: Manifest, face_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACE_DEVICE", "cpu,cpu")
    settings = face_settings.model_copy(update={"face_device": "cpu,cpu"})
    rows = loaded()

    predictor = fit_heavy(FACE, rows, {**QUICK, "epochs": 8}, settings)

    assert predictor.info["processes"] == 2
    assert predictor.info["rows"] == {"train": 60, "valid": 24}
    options = FACE.options(settings)
    assert FACE.evaluate(predictor, rows.test, options, 7).metrics["accuracy"] > 0.7
    assert FACE.load(predictor.to_files()).to_files() == predictor.to_files()


def test_what_stops_one_of_several_processes_is_told_as_it_is(
    version: Manifest, face_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACE_DEVICE", "cpu,cpu")
    settings = face_settings.model_copy(update={"face_device": "cpu,cpu"})

    with pytest.raises(TrainingError, match="no parameter momentum"):
        fit_heavy(FACE, loaded(), {"momentum": 0.9}, settings)
