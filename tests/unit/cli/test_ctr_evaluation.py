"""`assay evaluate ctr` on plain files: two of them, one that is cut, logs without names of columns."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.ctr_world import outcomes

RUN = CliRunner()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "counts.parquet"
    pq.write_table(outcomes(clips=60, days=8), path)
    return path


def log(path: Path, rows: int, seed: int, header: bool) -> Path:
    """Single impressions: a click, and two anonymous columns of which one matters."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(["id", "label", "C1", "C2"])
        for number in range(rows):
            kind = int(rng.integers(0, 3))
            clicked = int(rng.random() < (0.05, 0.3, 0.7)[kind])
            writer.writerow([f"{seed}-{number}", clicked, f"k{kind}", f"v{rng.integers(0, 400)}"])
    return path


def evaluated(*arguments: str) -> dict:  # type: ignore[type-arg]
    result = RUN.invoke(app, ["evaluate", "ctr", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.mark.parametrize("by", ["group", "time"])
def test_one_table_is_cut_and_measured(table: Path, by: str) -> None:
    found = evaluated("--table", str(table), "--by", by)
    assert found["metrics"]["log_loss"] < found["baselines"]["base rate"]["log_loss"]
    assert sum(found["examples"].values()) == pq.read_metadata(table).num_rows
    assert found["notes"][0].startswith(f"counts.parquet was cut by {by}: ")


def test_a_log_without_names_of_columns_takes_those_of_the_other_file(tmp_path: Path) -> None:
    train = log(tmp_path / "train.csv", 600, 1, header=True)
    test = log(tmp_path / "test.csv", 300, 2, header=False)
    found = evaluated(
        "--train", str(train), "--test", str(test), "--map", "category=C1", "--map", "creative_id=C2"
    )
    assert found["files"]["test"] == {
        "file": "test.csv",
        "rows": 300,
        "good": 300,
        "rejected": 0,
        "reasons": {},
    }
    assert found["metrics"]["skill"] > 0.1


def test_names_of_columns_can_be_given(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 600, 3, header=False)
    found = evaluated("--table", str(path), "--header", "id,label,C1,C2", "--map", "category=C1")
    assert found["files"]["table"]["rows"] == 600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--train", "a.csv"], "nothing to fit on and to measure on"),
        (["--table", "a.csv", "--test", "b.csv"], "cut in two by itself"),
        (["--train", "a.csv", "--test", "b.csv", "--by", "time"], "--by says how"),
    ],
)
def test_options_that_do_not_go_together_are_told(arguments: list[str], said: str) -> None:
    result = RUN.invoke(app, ["evaluate", "ctr", *arguments])
    assert result.exit_code != 0
    assert said in str(result.exception) + result.output


def test_a_family_that_cuts_no_tables_says_so(table: Path) -> None:
    result = RUN.invoke(app, ["evaluate", "viral", "--table", str(table)])
    assert result.exit_code != 0
    assert "does not cut a table" in str(result.exception) + result.output
