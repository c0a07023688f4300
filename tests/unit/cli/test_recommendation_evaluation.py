"""`assay evaluate recommendation` on plain files: lists of items, rows with times, and its words."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app

RUN = CliRunner()
USERS, GROUPS, EACH = 60, 3, 12
START = datetime(2026, 1, 1, tzinfo=UTC)


def tastes() -> list[tuple[str, list[str]]]:
    """Each user likes half of the items of one group, in an order of their own."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(USERS):
        group = number % GROUPS
        picked = rng.permutation(EACH)[: EACH // 2 + 2]
        found.append((f"u{number}", [f"i{group * EACH + one}" for one in picked]))
    return found


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, Path]:
    """A line a user: all but the last three items, the third from the end, and the last two."""
    parts = {"train": slice(0, -3), "valid": slice(-3, -2), "test": slice(-2, None)}
    paths = {}
    for role, part in parts.items():
        paths[role] = tmp_path / f"{role}.txt"
        lines = (" ".join([user, *items[part]]) for user, items in tastes())
        paths[role].write_text("\n".join(lines) + "\n")
    return paths


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "ratings.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["userId", "movieId", "rating", "timestamp"])
        for number, (user, items) in enumerate(tastes()):
            for day, item in enumerate(items):
                at = START + timedelta(days=number + 40 * day)
                writer.writerow([user, item, 4.5, int(at.timestamp())])
    return path


def evaluated(*arguments: str) -> dict[str, Any]:
    result = RUN.invoke(app, ["evaluate", "recommendation", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_lists_of_items_are_measured_beside_popularity(lists: dict[str, Path]) -> None:
    found = evaluated("--train", str(lists["train"]), "--test", str(lists["test"]))
    assert found["files"]["train"]["rows"] == USERS * (EACH // 2 - 1)
    assert found["rows"] == USERS
    assert found["metrics"]["recall_at_20"] > found["baselines"]["popularity"]["recall_at_20"]
    assert found["loss"] == "1 - NDCG@20"
    assert found["loss_below"]["popularity"]["low"] > 0


def test_a_validation_file_can_be_given(lists: dict[str, Path]) -> None:
    found = evaluated(*(f"--{role}={path}" for role, path in lists.items()))
    assert found["examples"] == {"train": USERS * (EACH // 2 - 1), "valid": USERS, "test": USERS}
    assert found["loss_below"]["popularity"]["low"] > 0


def test_what_the_validation_file_has_is_known_and_nothing_to_be_found(
    lists: dict[str, Path],
) -> None:
    result = RUN.invoke(
        app,
        ["evaluate", "recommendation", *(f"--{role}={path}" for role, path in lists.items()),
         "--test", str(lists["valid"])],
    )  # fmt: skip
    assert result.exit_code != 0
    assert "gives no test example" in str(result.exception) + result.output


def test_a_table_is_cut_by_time_for_each_user(table: Path) -> None:
    found = evaluated("--table", str(table), "--by", "time")
    assert found["metrics"]["recall_at_20"] > found["baselines"]["popularity"]["recall_at_20"]
    assert found["notes"][0].startswith("ratings.csv was cut by time: ")
    assert not any("occur in training too" in note for note in found["notes"])


def test_a_table_is_not_cut_by_users(table: Path) -> None:
    result = RUN.invoke(app, ["evaluate", "recommendation", "--table", str(table)])
    assert result.exit_code != 0
    assert "what users do next" in str(result.exception) + result.output


def test_the_report_speaks_of_lists_and_has_no_empty_tables(lists: dict[str, Path]) -> None:
    arguments = ["--train", str(lists["train"]), "--test", str(lists["test"])]
    said = RUN.invoke(app, ["evaluate", "recommendation", *arguments]).output
    assert "1 - NDCG@20 below popularity by " in said
    for absent in ("Log loss", "Nothing to show", "Confusion", "Calibration", "occur in training too"):
        assert absent not in said
