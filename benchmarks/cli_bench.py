"""How long ``assay --help`` takes, against the same command with every command's module imported at its top."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

ROUNDS = 7
#: what the command modules need to do their work, as an eager command line imports it
_EAGER = """\
import typer, pandas, pyarrow, sqlalchemy, lightgbm, mlflow, prefect
from cli.main import main
main()
"""


def run() -> list[dict[str, Any]]:
    """Both sides in turn, the median of each in seconds."""
    ours, eager = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds([sys.executable, "-m", "cli", "--help"]))
        eager.append(_seconds([sys.executable, "-c", _EAGER, "--help"]))
    mine, theirs = statistics.median(ours), statistics.median(eager)
    return [
        {
            "figure": "assay --help",
            "ours": round(mine, 3),
            "other": round(theirs, 3),
            "ratio": round(theirs / mine, 1),
            "unit": "s",
            "note": "other: the same command line with its libraries imported at the top",
        }
    ]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(run())
