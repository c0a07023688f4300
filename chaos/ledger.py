"""The book of everything that was asked and every fault, and the comparison of both with what is stored."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chaos.kinds import Bound, bound

#: Two clocks of one machine, and the moment in which a signal arrives.
SLACK = 0.5


@dataclass(frozen=True)
class Ask:
    """A request and its end. Times are seconds since the epoch.

    Attributes:
        keys: its own ids: the content asked about, or the events sent; of a list the id that the answer gave,
            by which alone it is on record.
        status: of HTTP; 0: there was no answer.
        recorded: ids of predictions that the answer gave; of the gateway, which gives none, empty.
        promised: the answer says, or means, that its keys are kept.
        degraded: answered without the part that should have answered.
        made: of an answer that may be kept and given again, when it was made.
    """

    stream: str
    keys: tuple[str, ...]
    began: float
    ended: float
    status: int
    reason: str = ""
    recorded: tuple[str, ...] = ()
    promised: bool = False
    degraded: bool = False
    again: bool = False
    made: float | None = None

    @property
    def good(self) -> bool:
        """Whether it was answered as it should be."""
        return 200 <= self.status < 300


@dataclass
class Happened:
    """A fault as it was: ``lifted`` at its end, ``recovered`` when every part was well again."""

    number: int
    kind: str
    target: str
    detail: str
    began: float
    lifted: float = 0.0
    recovered: float | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    patience: float = 1.0

    @property
    def bound(self) -> Bound:
        """What it may cost."""
        return bound(self.kind, self.target, self.detail, self.patience)

    @property
    def name(self) -> str:
        """In a line."""
        return f"{self.kind} {self.target}{' ' + self.detail if self.detail else ''}"

    def excuses(self, ask: Ask) -> bool:
        """Whether this fault may have made ``ask`` fail."""
        seconds = self.bound.fails.get(ask.stream)
        return seconds is not None and self._covers(ask, seconds)

    def leaves_unrecorded(self, ask: Ask) -> bool:
        """Whether ``ask`` may be answered and not recorded: what is kept is recorded when it is made only."""
        if ask.made is not None:
            ask = replace(ask, began=ask.made, ended=ask.made)
        return ask.stream in self.bound.unrecorded and self._covers(ask, SLACK)

    def _covers(self, ask: Ask, seconds: float) -> bool:
        end = self.lifted or float("inf")
        return ask.ended >= self.began - SLACK and ask.began <= end + seconds


class Book:
    """What was asked, in memory and line by line in a file; several threads write."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()
        self.asks: list[Ask] = []

    def write(self, ask: Ask) -> None:
        """Add a request that has ended."""
        line = json.dumps(asdict(ask), separators=(",", ":"))
        with self._lock:
            self.asks.append(ask)
            self._file.write(line + "\n")

    def since(self, moment: float) -> list[Ask]:
        """Those that ended after ``moment``, newest last."""
        with self._lock:
            found = []
            for ask in reversed(self.asks):
                if ask.ended < moment - 60.0:
                    break
                if ask.ended >= moment:
                    found.append(ask)
        return sorted(found, key=lambda ask: ask.ended)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class Kept:
    """What became of all that was promised, in keys: ``lost`` and ``doubled`` must be empty."""

    promised: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unrecorded: int = 0


def compare(
    asks: Sequence[Ask],
    stored: Mapping[str, int],
    faults: Sequence[Happened] = (),
    ids: Collection[str] | None = None,
) -> Kept:
    """Compare what answers promised with what is stored.

    Args:
        asks: requests of streams whose keys are stored in one place.
        stored: key -> how many rows carry it. Also keys of requests that failed: they may be stored once.
        faults: those that may leave a prediction unrecorded.
        ids: the stored ids; those that answers gave must be among them. None: they are not compared.
    """
    lost, unrecorded, promised = set[str](), set[str](), set[str]()
    for ask in asks:
        if not ask.promised:
            continue
        promised.update(ask.keys)
        missing = [key for key in ask.keys if not stored.get(key)]
        if ids is not None:
            missing += [one for one in ask.recorded if one not in ids and not missing]
        if missing and any(fault.leaves_unrecorded(ask) for fault in faults):
            unrecorded.update(missing)
        else:
            lost.update(missing)
    doubled = sorted(key for key, count in stored.items() if count > 1)
    return Kept(len(promised), tuple(sorted(lost)), tuple(doubled), len(unrecorded))


def unexcused(asks: Iterable[Ask], faults: Sequence[Happened]) -> list[Ask]:
    """Requests that failed beyond the stated bounds: no fault's bound allows for it."""
    return [ask for ask in asks if not ask.good and not any(fault.excuses(ask) for fault in faults)]


def late(faults: Iterable[Happened]) -> list[Happened]:
    """Faults after which the platform was not well again in time, or by itself."""
    return [
        fault
        for fault in faults
        if fault.problem or fault.recovered is None or fault.recovered - fault.lifted > fault.bound.recovers
    ]


def cost(fault: Happened, asks: Sequence[Ask], until: float) -> dict[str, Any]:
    """What ``fault`` cost: requests that failed, by stream and reason, and the slowest good one, up to
    ``until``, when the next fault began.
    """
    during = [ask for ask in asks if ask.ended >= fault.began - SLACK and ask.began < until]
    failed = Counter(f"{ask.stream}: {ask.reason or ask.status}" for ask in during if not ask.good)
    good = [ask.ended - ask.began for ask in during if ask.good]
    return {
        "asked": len(during),
        "failed": dict(failed),
        "degraded": sum(ask.degraded for ask in during),
        "slowest_s": round(max(good, default=0.0), 2),
        "recovery_s": None if fault.recovered is None else round(fault.recovered - fault.lifted, 1),
    }


def by_stream(asks: Iterable[Ask]) -> Iterator[tuple[str, list[Ask]]]:
    """The requests of each stream."""
    found: dict[str, list[Ask]] = {}
    for ask in asks:
        found.setdefault(ask.stream, []).append(ask)
    yield from sorted(found.items())
