"""Photos as a question on the command line: what is read, and how an answer looks in a narrow terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.photo_questions import Unread, named, read_photos, show, with_files
from config.errors import InputError
from serving.face_schema import EXAMPLE_ANSWER

PATHS = [Path("photos/portrait.jpg"), Path("photos/notes.txt")]


def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, gone = tmp_path / "a.jpg", tmp_path / "gone.jpg"
    good.write_bytes(b"abc")
    photos, unread = read_photos([good, gone, tmp_path])
    assert photos == {good: "YWJj"}
    assert [file.path for file in unread] == [gone, tmp_path]
    said = capsys.readouterr().err
    assert f"{gone} cannot be read: no such file or directory." in said
    assert f"{tmp_path} cannot be read: is a directory." in said


def test_nothing_to_read_and_too_much_to_ask_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file could be read"):
        read_photos([tmp_path / "gone.jpg"])
    with pytest.raises(InputError, match=r"At most 10 photos .* here are 11"):
        read_photos([tmp_path / str(number) for number in range(11)])


def test_a_refusal_names_the_file_in_place_of_its_number() -> None:
    error = named(InputError("422: images[1] cannot be used: not an image.", hint="Send another."), PATHS)
    assert error.message == "422: photos/notes.txt cannot be used: not an image."
    assert error.hint == "Send another."


def test_the_table_has_a_line_a_file_and_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = with_files(EXAMPLE_ANSWER, PATHS, [Unread(Path("gone.jpg"), "no such file or directory")])
    show(answer)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (portrait,) = (line for line in lines if "portrait.jpg" in line)
    assert portrait.split() == ["portrait.jpg", "Serious", "0.62", "390x390", "at", "212,148"]
    assert any("notes.txt" in line and "not base64" in line for line in lines)
    assert any("gone.jpg" in line and "cannot be read" in line for line in lines)
    assert any("1 of 3" in line for line in lines)
    assert any("Serious 0.62, Soft 0.25, Warm 0.13" in line for line in lines)


def test_none_of_these_is_said_of_a_photo_and_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    photo: dict[str, Any] = {**EXAMPLE_ANSWER["photos"][0], "none_of_these": True, "face_box": None}
    answer = {**EXAMPLE_ANSWER, "photos": [photo], "none_of_these": True}
    show(with_files(answer, PATHS[:1], []))
    out = capsys.readouterr().out
    assert "none found" in out
    assert "Serious (or none of these)" in out
