"""A version's files: how they are listed, checked, fetched and kept on disk.

A model is a few named files of plain data and ``assay.json``, which lists them with their SHA-256. The
registry's version carries the SHA-256 of that list, so every byte that is loaded is the byte that was trained.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.errors import ModelInvalid

LISTING = "assay.json"
#: Where the files lie below a version's MLflow folder.
INSIDE = "data/files"
#: What is half written for so long was left by a writer that was killed.
ABANDONED_SECONDS = 86_400.0


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def make_listing(family: str, files: Mapping[str, bytes]) -> bytes:
    """The bytes of ``assay.json`` for ``files``.

    Raises:
        ModelInvalid: no file, or a name that is not a plain file name.
    """
    if not files:
        raise ModelInvalid(f"A model of family '{family}' gave no files to store.")
    for name in files:
        if name == LISTING or name != Path(name).name or name.startswith("."):
            raise ModelInvalid(f"'{name}' is not a usable name for a model's file.")
    entries = {name: {"bytes": len(data), "sha256": digest(data)} for name, data in sorted(files.items())}
    return json.dumps({"family": family, "files": entries}, indent=1, sort_keys=True).encode()


def parse_listing(data: bytes, *, family: str) -> dict[str, dict[str, Any]]:
    """File name -> size and SHA-256.

    Raises:
        ModelInvalid: not a listing, or of another family.
    """
    try:
        content = json.loads(data)
        files: dict[str, dict[str, Any]] = dict(content["files"])
        stated = content["family"]
        sizes = [(entry["sha256"], entry["bytes"]) for entry in files.values()]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"{LISTING} is not a list of model files: {error}.") from None
    if stated != family:
        raise ModelInvalid(f"These are files of family '{stated}', not of '{family}'.")
    if not sizes or any(name != Path(name).name for name in files):
        raise ModelInvalid(f"{LISTING} names no files, or files outside its folder.")
    return files


def verify(files: Mapping[str, bytes], listing: bytes, *, family: str) -> dict[str, bytes]:
    """The listed files out of ``files``, each checked by its SHA-256.

    Raises:
        ModelInvalid: one is missing or has other bytes; the message names it.
    """
    entries = parse_listing(listing, family=family)
    for name, entry in entries.items():
        if name not in files:
            raise ModelInvalid(f"The model's file '{name}' is missing.")
        if digest(files[name]) != entry["sha256"]:
            raise ModelInvalid(f"The model's file '{name}' is damaged: its SHA-256 is not the listed one.")
    return {name: files[name] for name in entries}


def write_folder(folder: Path, files: Mapping[str, bytes], listing: bytes) -> None:
    """Write a model into ``folder`` so that the folder appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, data in {**files, LISTING: listing}.items():
            with (staging / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():  # a damaged copy, or one that another process has just made
            shutil.rmtree(folder, ignore_errors=True)
        try:
            staging.rename(folder)
        except OSError:
            if not (folder / LISTING).exists():
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_folder(folder: Path, *, family: str, sha256: str = "") -> dict[str, bytes]:
    """The verified files of a model in ``folder``.

    Args:
        folder: where they lie.
        family: whose model it must be.
        sha256: what the listing's own SHA-256 must be; "" accepts any listing.

    Raises:
        ModelInvalid: there is no model, or a damaged one.
    """
    try:
        listing = (folder / LISTING).read_bytes()
        if sha256 and digest(listing) != sha256:
            raise ModelInvalid(f"{folder / LISTING} is not the list that was registered.")
        names = parse_listing(listing, family=family)
        files = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    except OSError as error:
        raise ModelInvalid(f"There is no readable model in {folder}: {error.strerror or error}.") from None
    return verify(files, listing, family=family)


def prune_folders(home: Path, *, newest: Path, kept: int) -> None:
    """Remove all models in ``home`` but the ``kept`` that were used last, and what killed writers left there.

    A folder is moved away before its files go: who reads it at that moment has it whole, or finds a file
    missing and fetches it again. Failing to is no harm.

    Args:
        home: the folder of the models' folders.
        newest: the one that was just written: it stays, and its time is taken for now.
        kept: how many stay, with that one.
    """
    try:
        used = {path: path.stat().st_mtime for path in home.iterdir() if path.is_dir()}
        now = used.pop(newest)
    except (OSError, KeyError):  # another process prunes too: it does it
        return
    hidden = {path for path in used if path.name.startswith(".")}
    models = sorted(set(used) - hidden, key=lambda path: used[path], reverse=True)
    for path in models[kept - 1 :]:
        away = home / f".{path.name}.{uuid.uuid4().hex}"
        with contextlib.suppress(OSError):
            path.rename(away)
            shutil.rmtree(away)
    for path in hidden:
        if used[path] < now - ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
