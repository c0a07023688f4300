"""The column mapping of `assay import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands.importing import read_mapping, set_aside
from config.errors import InputError


def test_a_pair_on_the_command_line_comes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("views: view_count\nlikes: hearts\n")
    assert read_mapping(["views = plays", "title=a=b"], file) == {
        "views": "plays",
        "likes": "hearts",
        "title": "a=b",
    }


def test_no_mapping_is_an_empty_one() -> None:
    assert read_mapping([], None) == {}


@pytest.mark.parametrize("pair", ["views", "=x", "views=", "  = "])
def test_a_pair_that_is_none_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="not NAME=COLUMN"):
        read_mapping([pair], None)


@pytest.mark.parametrize("content", [b"- a\n- b\n", b"views: [1]\n", b"a: b: c", b"", b"\xff\xfe"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "map.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match="not YAML of lines"):
        read_mapping([], file)


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        read_mapping([], tmp_path / "none.yaml")


def test_one_row_that_was_set_aside_is_told_in_the_singular() -> None:
    assert set_aside(1, Path("a.csv")) == "1 row was set aside in a.csv, with its reason."
    assert set_aside(1200, Path("a.csv")) == "1,200 rows were set aside in a.csv, each with its reason."
