"""Poisoned versions: what is wrong with each, that the pickle would run, and that no check lets it in."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from chaos.kinds import POISONS
from chaos.poison import FAMILY, poison
from config.errors import ModelInvalid
from models.family import get_family
from registry.files import LISTING, digest, read_folder, verify

FILES = {"model.json": b"{}", "trees.txt": b"tree\nversion=v4\n" * 20}


def test_the_pickle_would_run_if_it_were_loaded(tmp_path: Path) -> None:
    made = poison(FILES, "pickle", tmp_path / "marker")
    pickle.loads(made.files["trees.txt"]).close()  # noqa: S301 - to show that it is a real one
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("kind", [kind for kind in POISONS if kind != "pickle"])
def test_altered_files_are_refused_by_their_sha256(kind: str, tmp_path: Path) -> None:
    made = poison(FILES, kind, tmp_path / "marker")
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in made.files.items():
        (folder / name).write_bytes(data)
    with pytest.raises(ModelInvalid):
        read_folder(folder, family=FAMILY, sha256=made.sha256)
    assert not (tmp_path / "marker").exists()


def test_a_pickle_with_matching_sha256s_is_refused_unread_by_the_family(tmp_path: Path) -> None:
    made = poison(FILES, "pickle", tmp_path / "marker")
    listing = made.files[LISTING]
    assert digest(listing) == made.sha256
    assert set(json.loads(listing)["files"]) == set(FILES)
    files = verify(made.files, listing, family=FAMILY)
    with pytest.raises(ModelInvalid):
        get_family(FAMILY).load(files)
    assert not (tmp_path / "marker").exists()
