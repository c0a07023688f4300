"""Jobs of :mod:`benchmarks.scale_flow_jobs` on pictures, published texts, films and speech."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale_jobs import MIDNIGHT, SEED
from registry.records import LoadedModel, ModelVersion

#: Of each class, and texts that are published, at size 1.
PICTURES, STYLED, PUBLISHED = 60, 16, 250
#: Labelled texts that the families behind the content worker learn from here.
LABELLED = {"moderation": 1200, "sentiment": 800, "topics": 800, "entities": 300}
CONTENT_MODELS = "bench-content-models"


def gold(family: str, size: int) -> int:
    """Drawn pictures in class-named folders, added as a gold set; pictures."""
    from config.settings import load_settings
    from tasks.gold import add_gold
    from tasks.platform import Platform

    folder = load_settings().home / f"gold-{family}"
    if family == "imagery":
        from demo.content_pictures import write_gold as pictures

        pictures(folder, SEED, PICTURES * size)
    else:
        from demo.photos import PhotoSize, write_gold

        write_gold(folder, SEED, PhotoSize(gold_a_class=STYLED * size))
    parts = Platform(load_settings())
    try:
        return sum(add_gold(parts, family, folder, at=MIDNIGHT, run_id="bench").classes.values())
    finally:
        parts.close()


class FolderModels:
    """Versions of several families that were fitted here, as the content worker asks for them."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def production(self, family: str) -> ModelVersion | None:
        """Version 1 of a family that has a folder."""
        if not self._place(family).is_dir():
            return None
        return ModelVersion(family, "1", run_id="bench", created_at=MIDNIGHT, production=True)

    def load(self, family: str, _version: str) -> LoadedModel:
        """The version and its predictor."""
        from models.family import get_family

        version = self.production(family)
        if version is None:
            raise LookupError(family)
        files = {path.name: path.read_bytes() for path in self._place(family).iterdir()}
        return LoadedModel(get_family(family).load(files), version)

    def folder(self, version: ModelVersion) -> Path:
        """Where the files of a version are."""
        return self._place(version.family)

    def close(self) -> None:
        """There is nothing to close."""

    def _place(self, family: str) -> Path:
        return self._home / CONTENT_MODELS / family


def fit_content(_family: str, _size: int) -> int:
    """Models of the families of texts, the same ones at each size; texts that they learned from."""
    import pyarrow as pa

    from config.settings import load_settings
    from demo.content_story import TEXTS
    from models.family import get_family

    settings = load_settings()
    for number, (name, count) in enumerate(LABELLED.items()):
        rng = np.random.default_rng([SEED, 50 + number])
        made = TEXTS[name][0](rng, count)
        table = pa.table({"text": [one.text for one in made], "label": [one.label for one in made]})
        held, family = count // 5, get_family(name)
        options = family.options(settings)
        fitted = family.fit(table.slice(held), table.slice(0, held), options, {}, settings.training_seed)
        folder = settings.home / CONTENT_MODELS / name
        folder.mkdir(parents=True)
        for file, data in fitted.to_files().items():
            (folder / file).write_bytes(data)
    return sum(LABELLED.values())


def publish(_family: str, size: int) -> int:
    """Publish texts, as a product's backend does; texts."""
    from demo.content_world import moderated
    from storage.contents import put_contents
    from tasks.platform import platform

    texts = moderated(np.random.default_rng([SEED, 60]), PUBLISHED * size)
    rows = [
        {"id": f"post-{number}", "kind": "post", "creator_id": f"c{number % 97}", "text": one.text}
        for number, one in enumerate(texts)
    ]
    with platform() as parts:
        put = put_contents(parts.engine, rows, MIDNIGHT)
    if put.refused:
        raise RuntimeError(str(put.refused))
    return len(rows)


def work_on_contents(_family: str, _size: int) -> int:
    """Moderate and analyze all that is due, a batch at a time, as the content worker does; texts."""
    from config.settings import load_settings
    from storage.content_claims import claim_due
    from tasks.content_dispatch import BATCH
    from tasks.content_models import ContentModels
    from tasks.content_work import work_on
    from tasks.platform import platform

    done, at = 0, MIDNIGHT + dt.timedelta(minutes=1)
    with platform() as parts:
        vars(parts)["registry"] = FolderModels(load_settings().home)
        models = ContentModels(parts, parts.settings.home / "notes")
        while ids := [one.id for one in claim_due(parts.engine, limit=BATCH, at=at)]:
            worked = work_on(parts, models, ids, at)
            if worked.failed or len(worked.moderated) != len(ids) or len(worked.analyzed) != len(ids):
                raise RuntimeError(f"{worked.failed or worked}")
            done += len(ids)
    return done


def make_film(_family: str, size: int) -> int:
    """A film of six seconds, played ``size`` times over; seconds."""
    from benchmarks.media_bench import looped
    from config.settings import load_settings
    from demo.content_pictures import SECONDS, film

    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    once = home / "once.mp4"
    once.write_bytes(film(SEED))
    looped(once, home / "film.mp4", size)
    return SECONDS * size


def thumbnails(_family: str, size: int) -> int:
    """Thumbnails of that film; its seconds."""
    from demo.content_pictures import SECONDS

    _media("thumbnails", "film.mp4")
    return SECONDS * size


def make_speech(_family: str, size: int) -> int:
    """Recordings of people who speak, one after another, ``size`` times over; seconds."""
    import wave

    from benchmarks.media_bench import DATA, samples
    from config.settings import load_settings

    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    frames, rate = 0, 16_000
    with wave.open(str(home / "speech.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(size):
            for row in csv.DictReader((DATA / "speech" / "transcripts.csv").open()):
                data = samples(DATA / "speech" / row["file"])
                out.writeframes(data)
                frames += len(data) // 2
    return frames // rate


def captions(_family: str, _size: int) -> int:
    """Captions of it by the basic engine; its seconds."""
    import wave

    from config.settings import load_settings

    _media("captions", "speech.wav")
    with wave.open(str(load_settings().home / "speech.wav")) as source:
        return source.getnframes() // source.getframerate()


def _media(kind: str, name: str) -> None:
    from config.settings import load_settings
    from tasks.media_work import work_on_file

    settings = load_settings()
    made = work_on_file(settings, kind, settings.home / name, settings.home / "out", on_progress=lambda _: None)
    if not made["objects"]:
        raise RuntimeError(str(made))


CONTENT_JOBS: dict[str, Any] = {
    "add a gold set": gold, "fit": fit_content, "publish": publish, "work on contents": work_on_contents,
    "make a film": make_film, "thumbnails": thumbnails, "make speech": make_speech, "captions": captions,
}  # fmt: skip
