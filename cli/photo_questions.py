"""Photos as a question to a service, and the answer as a person reads it: for `assay predict face`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.output import print_fields, print_table, say
from config.errors import AssayError, InputError

MAX_PHOTOS = 10
SHOWN_CLASSES = 3


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, and why."""

    path: Path
    reason: str


def read_photos(paths: Sequence[Path]) -> tuple[dict[Path, str], list[Unread]]:
    """The files in base64, and those that could not be read.

    Raises:
        InputError: there are too many, or none could be read.
    """
    if len(paths) > MAX_PHOTOS:
        raise InputError(
            f"At most {MAX_PHOTOS} photos of one person are asked about at once; here are {len(paths)}."
        )
    photos, unread = {}, []
    for path in paths:
        try:
            photos[path] = base64.b64encode(path.read_bytes()).decode()
        except OSError as error:
            unread.append(Unread(path, (error.strerror or type(error).__name__).lower()))
    for file in unread:
        say(f"{file.path} cannot be read: {file.reason}.")
    if not photos:
        raise InputError("There is no photo to ask about: no file could be read.")
    return photos, unread


def named(error: AssayError, paths: Sequence[Path]) -> AssayError:
    """An error of the service with the files' names in place of ``images[0]`` and its like."""
    message = error.message
    for index, path in enumerate(paths):
        message = message.replace(f"images[{index}]", str(path))
    return type(error)(message, hint=error.hint)


def with_files(answer: Mapping[str, Any], paths: Sequence[Path], unread: Sequence[Unread]) -> dict[str, Any]:
    """The answer for JSON: each photo with its file, and those that could not be read at the end."""
    photos = [{"file": str(path), **entry} for path, entry in zip(paths, answer["photos"], strict=True)]
    failed = [
        {"file": str(file.path), "error": {"reason": f"cannot be read: {file.reason}"}} for file in unread
    ]
    return {**answer, "photos": [*photos, *failed]}


def show(answer: Mapping[str, Any]) -> None:
    """A line a photo, and what the photos say together."""
    rows = [_line(entry) for entry in answer["photos"]]
    columns = ["photo", "class", "confidence", "face", "remark"]
    if not any(row["remark"] for row in rows):
        columns.remove("remark")
    print_table(rows, columns, drop_when_narrow=("face",))
    probable = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:SHOWN_CLASSES]
    of = len(rows)
    print_fields(
        {
            "class": answer["class"] + (" (or none of these)" if answer["none_of_these"] else ""),
            "confidence": round(answer["confidence"], 3),
            "most probable": ", ".join(f"{name} {chance:.2f}" for name, chance in probable),
            "photos": f"{answer['count']}" + (f" of {of}" if of > answer["count"] else ""),
            "model version": answer["model_version"],
            "prediction id": answer["prediction_id"],
        },
        title="together",
    )


def _line(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in entry:
        return {"photo": Path(entry["file"]).name, "remark": entry["error"]["reason"].partition(":")[0]}
    box = entry["face_box"]
    remarks = ["none of these"] if entry["none_of_these"] else []
    remarks += [f"{entry['faces']} faces"] if entry["faces"] > 1 else []
    return {
        "photo": Path(entry["file"]).name,
        "class": entry["class"],
        "confidence": round(entry["confidence"], 3),
        "face": f"{box[2]}x{box[3]} at {box[0]},{box[1]}" if box else "none found",
        "remark": ", ".join(remarks),
    }
