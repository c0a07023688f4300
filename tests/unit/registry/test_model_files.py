"""A version's files on disk: whole, verified, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.errors import ModelInvalid
from registry.files import LISTING, digest, make_listing, read_folder, write_folder

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
