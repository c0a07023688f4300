"""Folders of pictures: class-named folders, and people's folders in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.errors import InputError
from models.images.limits import ImageLimits
from tasks.image_folders import read_folder

LIMITS = ImageLimits(max_bytes=10)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_the_first_folder_is_the_class_and_the_second_the_person(tmp_path: Path) -> None:
    write(
        tmp_path, {"Warm/b.jpg": b"b", "Soft/anna/1.jpg": b"1", "Soft/anna/old/2.jpg": b"2", "Soft/a.jpg": b"a"}
    )

    found = [(one.label, one.person, one.name, one.data, one.problem) for one in read_folder(tmp_path, LIMITS)]

    assert found == [
        ("Soft", None, "Soft/a.jpg", b"a", None),
        ("Soft", "anna", "Soft/anna/1.jpg", b"1", None),
        ("Soft", "anna", "Soft/anna/old/2.jpg", b"2", None),
        ("Warm", None, "Warm/b.jpg", b"b", None),
    ]


def test_what_cannot_be_read_is_named_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"here.jpg": b"1", "Soft/empty.jpg": b"", "Soft/large.jpg": b"1" * 11, "Soft/z.jpg": b"1" * 10},
    )
    (tmp_path / "Soft" / "gone.jpg").symlink_to(tmp_path / "nowhere")

    found = {one.name: one.problem for one in read_folder(tmp_path, LIMITS)}

    assert found == {
        "here.jpg": "in no class folder",
        "Soft/empty.jpg": "empty file",
        "Soft/gone.jpg": "not readable (No such file or directory)",
        "Soft/large.jpg": "file too large",
        "Soft/z.jpg": None,
    }


def test_what_file_managers_leave_behind_is_passed_over(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"Soft/.DS_Store": b"x", "Soft/Thumbs.db": b"x", ".git/config": b"x", "__MACOSX/Soft/a.jpg": b"x"},
    )

    assert list(read_folder(tmp_path, LIMITS)) == []


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"all/Soft/a.jpg": b"a"})
    os.symlink(tmp_path / "all", tmp_path / "all" / "Soft" / "again")

    assert [one.name for one in read_folder(tmp_path / "all", LIMITS)] == ["Soft/a.jpg"]


def test_no_folder_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        read_folder(tmp_path / "nothing", LIMITS)
