"""The report: what it counts, and that it says when something is broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from chaos.checks import Check, check_answers, check_recovery
from chaos.ledger import Ask, Happened
from chaos.report import write_report
from chaos.suite import Outcome

KILLED = Happened(1, "kill", "viral", "", 100.0, 100.0, 107.5, notes=["2 processes"])
FAILED = Ask("viral", ("a",), 101.0, 101.1, 0, "connection refused")
GOOD = Ask("ctr", ("b",), 102.0, 102.25, 200, "", ("id-b",), True)


def outcome(*checks: Check) -> Outcome:
    return Outcome(
        7,
        datetime(2026, 11, 29, tzinfo=UTC),
        "S3",
        True,
        ("kill",),
        [KILLED],
        [],
        [FAILED, GOOD],
        [],
        [*checks],
    )


def test_the_report_tells_what_each_fault_cost(tmp_path: Path) -> None:
    path = write_report(outcome(Check("all is well", True, "it is")), tmp_path)
    text, plain = path.read_text(), json.loads((tmp_path / "chaos.json").read_text())
    assert "all holds" in text
    assert "| 1 | kill viral | 2 processes | 1 viral: connection refused | 0.25 s | 7.5 s |" in text
    assert plain["faults"][0]["cost"]["failed"] == {"viral: connection refused": 1}
    assert plain["good"] is True
    assert "left out" in text  # kinds that were not possible are named
    assert "disk-full" in text


def test_one_check_that_does_not_hold_breaks_the_whole(tmp_path: Path) -> None:
    broken = outcome(Check("all is well", True, "it is"), Check("no lost event", False, "3 lost"))
    assert not broken.good
    assert "BROKEN" in write_report(broken, tmp_path).read_text()


def test_a_run_without_checks_is_not_a_good_one() -> None:
    assert not outcome().good


def test_answers_beyond_the_bounds_are_named() -> None:
    assert check_answers([FAILED, GOOD], [KILLED]).good
    found = check_answers([FAILED, GOOD], [])
    assert not found.good
    assert "connection refused" in found.found


def test_a_fault_that_was_not_recovered_from_is_named() -> None:
    assert check_recovery([KILLED]).good
    never = Happened(2, "pause", "mlflow", "", 100.0, 104.0, None, "not well after 120 s: mlflow is silent")
    found = check_recovery([KILLED, never])
    assert not found.good
    assert "mlflow is silent" in found.found
