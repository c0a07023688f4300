"""What goes on meanwhile: collection, datasets, training, promotion and roll-back, one after the other.

A job that a fault hits may fail: it is written down, and the next round does its work. The last round, after
all faults, must succeed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cli.flow_client import run_flow
from config.errors import AssayError
from config.settings import Settings
from local.environment import settings_environment

#: A job that takes longer is given up, though it goes on.
LONGEST_SECONDS = 150.0
FAMILIES = ["viral", "ctr"]


@dataclass(frozen=True)
class Job:
    """A job that ended. ``problem`` is empty when it went well."""

    name: str
    began: float
    ended: float
    problem: str = ""


class Work:
    """Runs jobs in a thread of its own until it is stopped.

    Args:
        as_of: today; the days before it have data.
    """

    def __init__(self, settings: Settings, as_of: date, month: str) -> None:
        self._settings, self._as_of, self._month = settings, as_of, month
        self._stopping = threading.Event()
        self._day = 0
        self.jobs: list[Job] = []
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more jobs, and wait for the one that runs."""
        self._stopping.set()
        self._thread.join(LONGEST_SECONDS + 30)

    def last_round(self) -> list[Job]:
        """Every job once more, after all faults."""
        return [self.do(name, job) for name, job in self._round()]

    def _run(self) -> None:
        while not self._stopping.is_set():
            for name, job in self._round():
                if self._stopping.is_set():
                    return
                done = self.do(name, job)
                if done.problem:
                    self._stopping.wait(1.0)

    def _round(self) -> list[tuple[str, Callable[[], Any]]]:
        day = self._as_of - timedelta(days=1 + self._day % 7)
        self._day += 1
        one_day = {"date": day.isoformat(), "families": FAMILIES}
        return [
            ("collect", lambda: self._flow("collect-daily", one_day)),
            (
                "build",
                lambda: self._flow("build-datasets-monthly", {"month": self._month, "families": FAMILIES}),
            ),
            ("train and promote", lambda: self._flow("retrain-ctr", {"force": True, "limit": 400})),
            ("trends", lambda: self._flow("refresh-trending", {})),
            ("roll back", lambda: self._command("models", "rollback", "ctr", "--reason", "fault suite")),
        ]

    def do(self, name: str, job: Callable[[], Any]) -> Job:
        """Do one job, and write down how it went."""
        began = time.time()
        try:
            job()
            done = Job(name, began, time.time())
        except AssayError as error:
            done = Job(name, began, time.time(), error.message[:300])
        self.jobs.append(done)
        return done

    def _flow(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return run_flow(self._settings, name, parameters, timeout=LONGEST_SECONDS)

    def _command(self, *words: str) -> Any:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "cli", *words, "--json"],
                capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False,
                env=settings_environment(self._settings),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise AssayError(f"assay {' '.join(words)} took more than {LONGEST_SECONDS:.0f} s") from error
        if done.returncode:
            raise AssayError(f"assay {' '.join(words[:2])}: {done.stderr.strip()[-250:]}")
        return json.loads(done.stdout)
