"""The whole of it: a platform, a world, load and work, faults from a schedule, checks."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from chaos import checks
from chaos.checks import Check
from chaos.clock import LIBRARY, build
from chaos.content_checks import check_contents
from chaos.disk import Disk
from chaos.errors import FaultNotMade
from chaos.faults import Faults
from chaos.ledger import Ask, Book, Happened
from chaos.load import Load, new_mark
from chaos.product import Product
from chaos.schedule import Planned, plan_faults
from chaos.store import FolderStore, S3Store, Store, s3_possible
from chaos.supervise import PATIENCE
from chaos.watch import Watch
from chaos.work import Job, Work
from chaos.world import fill, own_settings, pause_schedules, portraits
from config.settings import Settings
from local.stack import start_detached

#: Also on a machine that does much else.
START_SECONDS = 300.0
#: Before the first fault: nothing may fail.
QUIET_SECONDS = 10.0
#: After the last one: queues empty, back-offs run out.
SETTLE_SECONDS = 15.0
#: Pictures that styles are asked of; none of them is one that was learned from.
PORTRAITS, UNSEEN = 12, 8
Said = Callable[[str], None]


@dataclass
class Outcome:
    """What happened, for the report."""

    seed: int
    began: datetime
    store: str
    disk: bool
    kinds: tuple[str, ...]
    faults: list[Happened] = field(default_factory=list)
    not_made: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether every check holds."""
        return bool(self.checks) and all(check.good for check in self.checks)


class Suite:
    """One run.

    Args:
        seed: of the schedule and the load.
        seconds: how long faults come.
        report: folder of the book of requests.
        kinds: only these kinds of faults; None: all that the machine allows.
        most: at most so many faults.
        s3: run on a real S3 server, where there is one.
        patience: parts and bounds get so many times their time: for a machine that does much else.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        report: Path,
        say: Said,
        kinds: tuple[str, ...] | None = None,
        most: int | None = None,
        s3: bool = True,
        patience: float = 1.0,
    ) -> None:
        self._seed, self._seconds, self._report, self._say = seed, seconds, report, say
        self._kinds, self._most, self._s3, self._patience = kinds, most, s3, patience

    def run(self) -> Outcome:
        """Run all of it; whatever it started is stopped at the end."""
        with ExitStack() as stack:
            base = stack.enter_context(_base())
            began = time.monotonic()
            disk = self._disk(stack, base)
            home = (disk.folder if disk else base) / "home"
            store: Store = S3Store(_made(base / "s3")) if self._s3 and s3_possible() else FolderStore(home)
            stack.callback(store.close)
            product = Product()
            stack.callback(product.close)
            settings = own_settings(home, **store.settings(), **product.settings())
            if library := build(base):
                stack.enter_context(_environment(LIBRARY, str(library)))
            self._say(f"platform in {home}, object store: {store.name}")
            stack.enter_context(_environment(PATIENCE, str(self._patience)))
            seconds = START_SECONDS * self._patience
            platform = start_detached(settings, program="chaos.supervise", seconds=seconds)
            stack.callback(platform.stop)
            settings = platform.settings
            pause_schedules(settings)
            as_of = datetime.now(UTC).date()
            month = fill(settings, as_of, self._say)
            self._say(f"services serve {checks.check_served(settings).found}")
            faults = Faults(settings, store, disk, base / "the-poisoned-code-ran", self._seed)
            kinds = tuple(kind for kind in faults.possible() if self._kinds is None or kind in self._kinds)
            outcome = Outcome(self._seed, datetime.now(UTC), store.name, disk is not None, kinds)
            outcome.seconds["start"] = time.monotonic() - began
            book = Book(self._report / "requests.jsonl")
            stack.callback(book.close)
            work = Work(settings, as_of, month)
            self._faults(outcome, settings, faults, book, work, product)
            return outcome

    def _disk(self, stack: ExitStack, base: Path) -> Disk | None:
        try:
            disk = Disk.make(base / "disk.img", base / "disk")
        except FaultNotMade as error:
            self._say(f"no disk of its own: {error.message}")
            return None
        stack.callback(disk.close)
        disk.folder.chmod(0o755)
        return disk

    def _faults(
        self,
        outcome: Outcome,
        settings: Settings,
        faults: Faults,
        book: Book,
        work: Work,
        product: Product,
    ) -> None:
        mark, watch = new_mark(), Watch(settings, book)
        load = Load(settings, book, self._seed, mark, portraits(PORTRAITS, UNSEEN))
        loads: list[float] = []
        began = time.monotonic()
        load.start()
        work.start()
        try:
            time.sleep(QUIET_SECONDS)
            deadline = time.monotonic() + self._seconds
            for planned in plan_faults(self._seed, outcome.kinds):
                done = len(outcome.faults)
                if time.monotonic() > deadline or (self._most is not None and done >= self._most):
                    break
                time.sleep(planned.wait)
                self._one(outcome, faults, planned, watch)
                loads.append(os.getloadavg()[0])
            outcome.seconds["faults"] = time.monotonic() - began
            self._say("settling")
            work.stop()
            time.sleep(SETTLE_SECONDS)
            last = work.last_round()
        finally:
            load.stop()
            watch.close()
        outcome.asks, outcome.jobs = list(book.asks), work.jobs
        outcome.machine = {**_machine(loads), "patience": self._patience}
        checked = time.monotonic()
        outcome.checks = self._checks(outcome, settings, faults, mark, last, load, product)
        outcome.seconds["checks"] = time.monotonic() - checked

    def _one(self, outcome: Outcome, faults: Faults, planned: Planned, watch: Watch) -> None:
        happened = Happened(
            planned.number, planned.kind, planned.target, planned.detail, time.time(), patience=self._patience
        )
        try:
            with faults.inject(planned) as said:
                happened.notes.append(said)
            happened.lifted = time.time()
        except FaultNotMade as error:
            outcome.not_made.append(f"{happened.name}: {error.message}")
            self._say(f"{planned.number}. {happened.name}: not made ({error.message})")
            return
        except RuntimeError as error:  # the fault had its way
            happened.lifted, happened.problem = time.time(), str(error)
        outcome.faults.append(happened)
        recovered, missing = watch.await_well(happened.lifted, happened.bound.recovers)
        happened.recovered = recovered
        if recovered is None and not happened.problem:
            happened.problem = f"not well after {happened.bound.recovers:.0f} s: {missing}"
        took = "not well" if recovered is None else f"well after {recovered - happened.lifted:.1f} s"
        self._say(f"{planned.number}. {happened.name}: {', '.join(happened.notes)}; {took} {happened.problem}")

    def _checks(
        self,
        outcome: Outcome,
        settings: Settings,
        faults: Faults,
        mark: str,
        last: list[Job],
        load: Load,
        product: Product,
    ) -> list[Check]:
        """Every check; one that cannot be made has failed."""
        asks, happened = outcome.asks, outcome.faults
        todo: list[Callable[[], Check | list[Check]]] = [
            lambda: checks.check_answers(asks, happened),
            lambda: checks.check_recovery(happened),
            lambda: checks.check_status(settings),
            lambda: checks.check_jobs(last),
            lambda: checks.check_queues(settings),
            lambda: checks.check_kept(settings, mark, asks, happened),
            lambda: Check(
                "every event and content was acknowledged",
                not load.given_up and not load.alive,
                f"{load.given_up} batches and contents were not",
            ),
            lambda: check_contents(settings, mark, load.posts, happened, product, self._patience),
            lambda: checks.check_published(settings),
            lambda: checks.check_served(settings),
            lambda: checks.check_runs(settings),
            lambda: checks.check_marker(faults.marker),
        ]
        found: list[Check] = []
        for one in todo:
            try:
                made = one()
            except Exception as error:  # noqa: BLE001 - whatever keeps a check from being made is its result
                made = Check(
                    "a check could not be made", good=False, found=f"{type(error).__name__}: {error}"[:500]
                )
            found += made if isinstance(made, list) else [made]
            for check in made if isinstance(made, list) else [made]:
                self._say(f"{'holds' if check.good else 'BROKEN'}: {check.name} ({check.found})")
        return found


@contextmanager
def _base() -> Iterator[Path]:
    """A folder with a short name (it holds sockets) that PostgreSQL's account may enter."""
    base = Path(tempfile.mkdtemp(prefix="chaos-"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        if not os.path.ismount(base / "disk"):
            shutil.rmtree(base, ignore_errors=True)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable that processes started from here inherit."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _machine(loads: list[float]) -> dict[str, Any]:
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_mean": round(sum(loads) / max(1, len(loads)), 1),
        "load_max": round(max(loads, default=0.0), 1),
    }
