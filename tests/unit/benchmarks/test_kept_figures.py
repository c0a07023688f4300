"""Figures of benchmarks are kept, whoever measures at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as benchmarks


def figures(name: str) -> dict[str, Any]:
    return {"at": "2026-11-20 12:00 UTC", "seconds": 1, "rows": [{"figure": f"speed of {name}", "ours": 1}]}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(benchmarks, "STATE", tmp_path / "results.json")
    monkeypatch.setattr(benchmarks, "RESULTS", tmp_path / "RESULTS.md")
    return tmp_path


def test_benchmarks_that_run_at_once_lose_none_of_each_others_figures(files: Path) -> None:
    names = list(benchmarks.BENCHMARKS)
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: benchmarks.keep(name, figures(name)), names))
    kept = json.loads((files / "results.json").read_text())
    assert kept == {name: figures(name) for name in names}
    page = (files / "RESULTS.md").read_text()
    assert all(f"speed of {name} |" in page for name in names)


def test_what_another_run_wrote_while_one_measured_stays(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(name: str) -> dict[str, Any]:
        benchmarks.keep("viral", figures("viral"))  # another run, in the middle of this one
        return figures(name)

    monkeypatch.setattr(benchmarks, "measure", measure)
    assert benchmarks.main(["ctr"]) == 0
    assert set(json.loads((files / "results.json").read_text())) == {"ctr", "viral"}
