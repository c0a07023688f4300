"""``python -m chaos``: the fault suite. Exit code 1 when a check does not hold."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from chaos.kinds import KINDS
from chaos.report import write_report
from chaos.suite import Suite
from config.errors import AssayError


def main(arguments: list[str] | None = None) -> int:
    """Run the suite, and write its report."""
    chosen = _parser().parse_args(arguments)
    folder = Path(chosen.report)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requests.jsonl").unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, _stop)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)  # noqa: T201 - a program's output

    suite = Suite(
        chosen.seed,
        chosen.minutes * 60,
        folder,
        say,
        tuple(chosen.kind) if chosen.kind else None,
        chosen.faults,
        not chosen.folder_store,
        chosen.patience,
    )
    try:
        outcome = suite.run()
    except KeyboardInterrupt:
        say("stopped before its end; everything that was started is stopped")
        return 130
    except AssayError as error:
        say(f"error: {error}")
        return 2
    say(f"the report is {write_report(outcome, folder)}")
    return 0 if outcome.good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m chaos", description="Faults under load, and what held.")
    parser.add_argument("--minutes", type=float, default=6.0, help="how long faults come (default: 6)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed draws the same faults")
    parser.add_argument("--report", default=".assay/chaos", help="folder of the report")
    parser.add_argument("--kind", action="append", choices=tuple(KINDS), help="only this kind; may be repeated")
    parser.add_argument("--faults", type=int, help="at most so many")
    parser.add_argument("--folder-store", action="store_true", help="no S3 server, also where there is one")
    help_of_patience = "bounds and starts get so many times their time (a busy machine)"
    parser.add_argument("--patience", type=float, default=1.0, help=help_of_patience)
    return parser


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
