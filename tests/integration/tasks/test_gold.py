"""Folders of class-named folders become the gold set."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from config.errors import InputError
from models.images.hashing import sha256
from models.splits import bucket
from storage.database import transaction
from storage.erasure import remember, subject_hash
from tasks.gold import GoldReport, add_gold
from tasks.platform import Platform
from tests.photo_world import encoded, nobody, pixels_of, portrait

AT = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(days=3)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def add(parts: Platform, folder: Path, **options: Any) -> GoldReport:
    return add_gold(parts, "face", folder, **{"at": AT, "run_id": "test"} | options)


def gold(parts: Platform) -> dict[str, dict[str, Any]]:
    table = parts.datasets.table(parts.datasets.manifest("face", "gold", "base"))
    return {row["sha256"]: row for row in table.to_pylist()}


def test_pictures_become_gold_with_their_folder_as_class_and_person(
    platform_parts: Platform, tmp_path: Path
) -> None:
    folder = write(
        tmp_path, {"Soft/anna/1.jpg": portrait(1), "Warm/anna/2.jpg": portrait(2, 1), "Warm/b.jpg": portrait(3)}
    )

    report = add(platform_parts, folder)

    rows = gold(platform_parts)
    first, alone = rows[sha256(portrait(1))], rows[sha256(portrait(3))]
    assert (report.dataset, report.new, report.classes) == ("face/gold/base", True, {"Soft": 1, "Warm": 2})
    assert (first["photo"], first["user_id"], first["label"]) == (f"gold/{first['sha256']}", "anna", "Soft")
    assert (first["image"], first["at"], first["faces"]) == (portrait(1), AT, 1)
    assert first["phash"] is not None
    assert alone["user_id"] == f"gold/{alone['sha256'][:16]}"
    assert alone["prediction_id"] is None
    assert {row["split"] for row in rows.values() if row["user_id"] == "anna"} == {
        "train" if bucket("anna", "face") < 70 else "valid" if bucket("anna", "face") < 85 else "test"
    }


def test_adding_again_changes_nothing_and_adding_more_keeps_what_is_there(
    platform_parts: Platform, tmp_path: Path
) -> None:
    folder = write(tmp_path / "photos", {"Soft/1.jpg": portrait(1)})
    add(platform_parts, folder)

    again = add(platform_parts, folder, at=LATER)
    write(folder, {"Soft/2.jpg": portrait(2)})
    more = add(platform_parts, folder, at=LATER)

    assert (again.new, again.known, again.dataset) == (False, 1, "face/gold/base")
    assert (more.new, more.known, dict(more.added), more.dataset) == (True, 1, {"Soft": 1}, "face/gold/base.r2")
    assert {row["at"] for row in gold(platform_parts).values()} == {AT, LATER}


def test_what_cannot_be_gold_is_named_with_its_reason_and_the_rest_goes_on(
    platform_parts: Platform, tmp_path: Path
) -> None:
    with transaction(platform_parts.engine) as connection:
        remember(connection, subject_hash(platform_parts.settings, "zoe"), requested_by="t", reason=None, at=AT)
    folder = write(
        tmp_path / "photos",
        {
            "Soft/a.jpg": portrait(1), "Soft/again.jpg": portrait(1), "Soft/broken.jpg": portrait(2)[:300],
            "Soft/notes.txt": b"three nice ones", "Soft/zoe/1.jpg": portrait(5), "Grumpy/1.jpg": portrait(3),
            "Warm/a.jpg": portrait(1), "Warm/empty.jpg": b"", "top.jpg": portrait(4),
            "Warm/wall.jpg": nobody(7),
        },
    )  # fmt: skip

    report = add(platform_parts, folder)

    reasons = {one.name: one.reason for one in report.left_out}
    assert report.files == 10
    assert dict(report.added) == {"Soft": 1, "Warm": 1}
    assert report.without_face == 1
    assert reasons["Soft/again.jpg"] == "the same picture as Soft/a.jpg"
    assert reasons["Warm/a.jpg"] == "the same picture as Soft/a.jpg, which lies under Soft"
    assert reasons["Grumpy/1.jpg"] == "no such class: Grumpy"
    assert reasons["Warm/empty.jpg"] == "empty file"
    assert reasons["top.jpg"] == "in no class folder"
    assert reasons["Soft/zoe/1.jpg"] == "of a forgotten person"
    assert {"Soft/broken.jpg", "Soft/notes.txt"} <= set(reasons)
    assert len(reasons) == 8


def test_a_picture_that_is_gold_under_another_class_stays_there_unless_the_folder_replaces_it(
    platform_parts: Platform, tmp_path: Path
) -> None:
    add(platform_parts, write(tmp_path / "one", {"Soft/1.jpg": portrait(1), "Soft/2.jpg": portrait(2)}))
    other = write(tmp_path / "two", {"Warm/1.jpg": portrait(1)})

    refused = add(platform_parts, other, at=LATER)
    replaced = add(platform_parts, other, at=LATER, replace=True)
    again = add(platform_parts, other, at=LATER + dt.timedelta(days=1), replace=True)

    assert [one.reason for one in refused.left_out] == ["gold already, as Soft"]
    assert (replaced.classes, replaced.removed, replaced.new) == ({"Warm": 1}, 1, True)
    assert [row["at"] for row in gold(platform_parts).values()] == [AT]
    assert again.new is False


def test_pictures_that_look_alike_are_on_one_side_of_the_split(
    platform_parts: Platform, tmp_path: Path
) -> None:
    smaller = encoded(pixels_of(1, 0, 160), "JPEG", quality=50)
    assert smaller != portrait(1)

    report = add(platform_parts, write(tmp_path / "photos", {"Soft/a.jpg": portrait(1), "Soft/b.jpg": smaller}))

    assert report.alike == 1
    assert len({row["user_id"] for row in gold(platform_parts).values()}) == 1


def test_later_uploads_are_compared_with_gold(platform_parts: Platform, tmp_path: Path) -> None:
    add(platform_parts, write(tmp_path / "photos", {"Soft/anna/1.jpg": portrait(1)}))

    with transaction(platform_parts.engine) as connection:
        found = connection.exec_driver_sql("select image, sha256, entity, day from image_hashes").all()
    digest = sha256(portrait(1))
    assert [tuple(row) for row in found] == [(f"gold/{digest}", digest, "anna", None)]


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "there is no file in it"), ({"Grumpy/1.jpg": b"x"}, r"no such class: Grumpy \(1\)")],
)
def test_a_folder_without_any_gold_is_refused(
    platform_parts: Platform, tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    (tmp_path / "gold").mkdir()
    with pytest.raises(InputError, match=message):
        add(platform_parts, write(tmp_path / "gold", files))
    assert platform_parts.datasets.list() == []


def test_a_family_without_pictures_takes_no_folders(platform_parts: Platform, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Gold of 'viral' is not added from folders"):
        add_gold(platform_parts, "viral", tmp_path, at=AT, run_id="test")


def test_the_command_tells_classes_and_what_was_left_out(platform_parts: Platform, tmp_path: Path) -> None:
    folder = write(tmp_path / "gold", {"Soft/1.jpg": portrait(1), "Grumpy/1.jpg": portrait(2)})

    said = CliRunner().invoke(app, ["datasets", "add", "gold", "face", str(folder)])
    told = CliRunner().invoke(app, ["datasets", "add", "gold", "face", str(folder), "--json"])

    assert "no such class: Grumpy" in said.stdout
    assert "Grumpy/1.jpg" in said.stdout
    assert json.loads(told.stdout)["left_out"] == [{"name": "Grumpy/1.jpg", "reason": "no such class: Grumpy"}]
    assert isinstance(
        CliRunner().invoke(app, ["datasets", "add", "full", "face", str(folder)]).exception, InputError
    )
