"""A version's files on disk: whole, verified, or refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from config.errors import ModelInvalid
from registry.files import LISTING, digest, make_listing, prune_folders, read_folder, write_folder

FILES = {"model.txt": b"trees", "model.json": b"{}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "viral" / "3"
    write_folder(target, FILES, make_listing("viral", FILES))
    return target


def test_what_is_written_is_read(folder: Path) -> None:
    assert read_folder(folder, family="viral") == FILES
    assert read_folder(folder, family="viral", sha256=digest(make_listing("viral", FILES))) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["3"]


def test_writing_over_a_damaged_copy_mends_it(folder: Path) -> None:
    (folder / "model.txt").unlink()

    write_folder(folder, FILES, make_listing("viral", FILES))

    assert read_folder(folder, family="viral") == FILES


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model.txt", b"tree", "'model.txt' is damaged"),
        ("model.txt", None, "'model.txt' is missing"),
        (LISTING, b"{", "not a list of model files"),
        (LISTING, b"[]", "not a list of model files"),
        (LISTING, None, "no readable model"),
        (LISTING, json.dumps({"family": "face", "files": {}}).encode(), "family 'face'"),
        (LISTING, json.dumps({"family": "viral", "files": {}}).encode(), "names no files"),
        (
            LISTING,
            json.dumps({"family": "viral", "files": {"../x": {"sha256": "", "bytes": 1}}}).encode(),
            "outside its folder",
        ),
    ],
)
def test_anything_else_is_refused_with_the_reason(
    folder: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)

    with pytest.raises(ModelInvalid, match=reason):
        read_folder(folder, family="viral")


def test_another_list_than_the_registered_one_is_refused(folder: Path) -> None:
    with pytest.raises(ModelInvalid, match="not the list that was registered"):
        read_folder(folder, family="viral", sha256="0" * 64)


@pytest.mark.parametrize("files", [{}, {"../x": b""}, {LISTING: b""}, {".hidden": b""}])
def test_files_that_are_no_model_are_not_listed(files: dict[str, bytes]) -> None:
    with pytest.raises(ModelInvalid):
        make_listing("viral", files)


def written(home: Path, name: str, at: float) -> Path:
    """A model's folder that was used last at that time."""
    write_folder(home / name, FILES, make_listing("viral", FILES))
    os.utime(home / name, (at, at))
    return home / name


def names(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_only_the_folders_that_were_used_last_stay(tmp_path: Path) -> None:
    for number in range(1, 9):
        written(tmp_path, str(number), 1_000.0 * number)
    os.utime(tmp_path / "2", (9_000.0, 9_000.0))  # old, and in use

    prune_folders(tmp_path, newest=tmp_path / "8", kept=3)

    assert names(tmp_path) == ["2", "7", "8"]


def test_what_was_just_written_stays_whatever_the_clock_says(tmp_path: Path) -> None:
    for number in range(1, 5):
        written(tmp_path, str(number), 1_000.0 * number)

    prune_folders(tmp_path, newest=tmp_path / "1", kept=2)

    assert names(tmp_path) == ["1", "4"]


def test_what_killed_writers_left_goes_after_a_day_and_what_is_being_written_stays(tmp_path: Path) -> None:
    written(tmp_path, "1", 1_000_000.0)
    for name, at in ((".0.left", 1_000_000.0 - 90_000), (".2.now", 1_000_000.0 - 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (at, at))

    prune_folders(tmp_path, newest=tmp_path / "1", kept=2)

    assert names(tmp_path) == [".2.now", "1"]


def test_a_folder_that_cannot_be_pruned_is_no_harm(tmp_path: Path) -> None:
    prune_folders(tmp_path / "nowhere", newest=tmp_path / "nowhere" / "1", kept=2)
