"""The copies of model files on disk: the few that are in use, and none that nobody needs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from config.errors import ModelInvalid, ModelNotFound
from registry.api import MlflowApi
from registry.catalog import FILES, KEPT_COPIES, Catalog
from registry.files import INSIDE, LISTING, digest, make_listing

MANY = KEPT_COPIES + 3


@dataclass
class MlflowDouble:
    """The answers of MLflow about versions of viral: number -> the content of its one file."""

    models: dict[str, bytes]
    production: str | None = None
    downloads: list[str] = field(default_factory=list)

    def get(self, path: str, **asked: Any) -> dict[str, Any]:
        if path == "model-versions/get-download-uri":
            return {"artifact_uri": f"mlflow-artifacts:/{asked['version']}"}
        number = self.production if path == "registered-models/alias" else asked["version"]
        if number not in self.models:
            raise ModelNotFound("no such version")
        sha256 = digest(make_listing("viral", self.files(number)))
        return {
            "model_version": {
                "name": "viral", "version": number, "creation_timestamp": 0,
                "tags": [{"key": FILES, "value": sha256}],
            }
        }  # fmt: skip

    def files(self, number: str) -> dict[str, bytes]:
        return {"model.txt": self.models[number]}

    def download(self, path: str) -> bytes:
        number, name = path.split(f"/{INSIDE}/")
        self.downloads.append(number)
        files = self.files(number)
        return make_listing("viral", files) if name == LISTING else files[name]


@pytest.fixture
def mlflow() -> MlflowDouble:
    return MlflowDouble({str(number): b"trees %d" % number for number in range(1, MANY + 1)})


@pytest.fixture
def catalog(mlflow: MlflowDouble, tmp_path: Path) -> Catalog:
    return Catalog(cast("MlflowApi", mlflow), tmp_path)


def age(home: Path) -> None:
    """All copies were used an hour earlier: clocks of disks are coarse."""
    for path in (home / "viral").iterdir():
        used = path.stat().st_mtime - 3600
        os.utime(path, (used, used))


def copies(home: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (home / "viral").iterdir())


def load(catalog: Catalog, number: int | str) -> bytes:
    return catalog.files(catalog.version("viral", str(number)))["model.txt"]


def test_the_copies_that_were_used_last_stay(catalog: Catalog, tmp_path: Path) -> None:
    for number in range(1, MANY + 1):
        load(catalog, number)
        age(tmp_path)

    assert copies(tmp_path) == [str(number) for number in range(MANY - KEPT_COPIES + 1, MANY + 1)]


def test_a_copy_that_is_read_again_stays(catalog: Catalog, mlflow: MlflowDouble, tmp_path: Path) -> None:
    for number in range(1, MANY + 1):
        load(catalog, number)
        age(tmp_path)
        assert load(catalog, 1) == b"trees 1"

    assert copies(tmp_path) == ["1", *(str(number) for number in range(MANY - KEPT_COPIES + 2, MANY + 1))]
    assert mlflow.downloads.count("1") == 2  # its listing and its file, once


def test_the_copy_of_what_is_in_production_stays_while_somebody_asks_for_it(
    catalog: Catalog, mlflow: MlflowDouble, tmp_path: Path
) -> None:
    mlflow.production = "1"
    for number in range(1, MANY + 1):
        load(catalog, number)
        age(tmp_path)
        catalog.production("viral")

    assert "1" in copies(tmp_path)


def test_a_copy_that_went_is_fetched_again(catalog: Catalog, mlflow: MlflowDouble, tmp_path: Path) -> None:
    for number in range(1, MANY + 1):
        load(catalog, number)
        age(tmp_path)
    mlflow.downloads.clear()

    assert load(catalog, 1) == b"trees 1"
    assert mlflow.downloads == ["1", "1"]


def test_who_reads_while_others_prune_has_the_right_files(catalog: Catalog) -> None:
    numbers = [number for _ in range(6) for number in range(1, MANY + 1)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda one: load(catalog, one), numbers)) == [b"trees %d" % one for one in numbers]


def test_checking_a_version_leaves_no_copy_and_says_what_is_wrong(
    catalog: Catalog, mlflow: MlflowDouble, tmp_path: Path
) -> None:
    version = catalog.version("viral", "1")
    catalog.check(version)
    assert not list(tmp_path.iterdir())

    mlflow.models["1"] = b"other trees"
    with pytest.raises(ModelInvalid, match="not the list that was registered"):
        catalog.check(version)
