from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.output import human_bytes, human_seconds, print_json, print_table


@dataclass
class Thing:
    at: datetime
    where: Path
    figure: float


def test_json_is_one_document_with_times_paths_and_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([Thing(datetime(2026, 11, 20, tzinfo=UTC), Path("/a"), float("nan"))])
    assert json.loads(capsys.readouterr().out) == [
        {"at": "2026-11-20T00:00:00+00:00", "where": "/a", "figure": None}
    ]


@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.text(max_size=90), min_size=4), min_size=1, max_size=4)
)
def test_a_table_never_is_wider_than_the_terminal(rows: list[dict[str, str]]) -> None:
    import contextlib
    import io

    written = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(written):
        patch.setenv("COLUMNS", "80")
        print_table(rows, ["a", "b", "c", "d"])
    from rich.cells import cell_len

    assert max(cell_len(line) for line in written.getvalue().splitlines()) <= 80


def test_the_least_important_columns_are_dropped_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"name": "n" * 30, "url": "u" * 30, "pid": "1234567890"}
    monkeypatch.setenv("COLUMNS", "70")
    print_table([row], ["name", "url", "pid"], drop_when_narrow=("pid",))
    narrow = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "120")
    print_table([row], ["name", "url", "pid"], drop_when_narrow=("pid",))
    assert "pid" not in narrow
    assert "pid" in capsys.readouterr().out


def test_text_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": "[red]not markup[/red]"}], ["name"])
    assert "[red]not markup[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, ""), (0, "0 B"), (1536, "1.5 KB"), (5 * 2**30, "5.0 GB"), (5 * 2**40, "5120.0 GB")],
)
def test_sizes_for_people(size: float | None, text: str) -> None:
    assert human_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (4.9, "4s"), (64, "1m 04s"), (3725, "1h 02m"), (90_000, "1d 01h")]
)
def test_times_for_people(seconds: float | None, text: str) -> None:
    assert human_seconds(seconds) == text


def test_large_figures_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"value": value} for value in (215_123.4, 0.91234, 12.0, 1e300)], ["value"])
    cells = capsys.readouterr().out.split()
    assert cells[2:] == ["215,123", "0.9123", "12", "1e+300"]
