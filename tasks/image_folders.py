"""Folders of pictures: one folder a class, and in it pictures, or one folder a person with pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from config.errors import InputError

#: What file managers leave behind; nobody means it for a picture.
_IGNORED = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


class Limits(Protocol):
    """How large a file may be (see ``models.images.limits``)."""

    @property
    def max_bytes(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class FolderPhoto:
    """A file below the folder.

    Attributes:
        label: its class: the name of the first folder; empty where it lies in none.
        person: the name of the folder below that, if it lies in one.
        name: its path below the folder, with ``/``.
        data: its bytes; empty where there is a problem.
        problem: why it was not read, in a few words.
    """

    label: str
    person: str | None
    name: str
    data: bytes
    problem: str | None = None


def read_folder(path: Path, limits: Limits) -> Iterator[FolderPhoto]:
    """Every file below ``path``, one by one, sorted by name; hidden files and folders are passed over.

    Whether it is a picture is not looked at. Links to folders are not followed.

    Raises:
        InputError: ``path`` is no folder.
    """
    if not path.is_dir():
        raise InputError(f"{path} is not a folder.", hint="It has one folder for each class.")
    return _read(path, limits)


def _read(path: Path, limits: Limits) -> Iterator[FolderPhoto]:
    for name in _names(path):
        *folders, _ = name.split("/")
        label, person = folders[0] if folders else "", folders[1] if len(folders) > 1 else None
        data, problem = _bytes(path / name, limits) if folders else (b"", "in no class folder")
        yield FolderPhoto(label, person, name, data, problem)


def _names(path: Path) -> Iterator[str]:
    """Paths of the files below ``path``, relative to it."""
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not _ignored(name))
        below = Path(folder).relative_to(path).as_posix()
        for name in sorted(files):
            if not _ignored(name):
                yield name if below == "." else f"{below}/{name}"


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _IGNORED


def _bytes(path: Path, limits: Limits) -> tuple[bytes, str | None]:
    try:
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)  # no more than that into memory, whatever its size
    except OSError as error:
        return b"", f"not readable ({error.strerror})"
    if not data:
        return b"", "empty file"
    if len(data) > limits.max_bytes:
        return b"", "file too large"
    return data, None
