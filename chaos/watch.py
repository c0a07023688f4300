"""Whether the platform is well: what the supervisor wrote, what each part answers, and what the load got."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from chaos.kinds import STREAMS
from chaos.ledger import Book
from config.errors import PlatformError
from config.settings import Settings
from local.parts import Part
from local.plan import plan
from local.state import PartState, RunFolder

LOOK_SECONDS = 0.5
_WELL = ("running", "done", "external")


class Watch:
    """Looks at one platform and its load."""

    def __init__(self, settings: Settings, book: Book) -> None:
        self._folder, self._book = RunFolder(settings.home), book
        self._parts: Mapping[str, Part] = {part.name: part for part in plan(settings)}
        self._pool = ThreadPoolExecutor(len(self._parts))

    def await_well(self, since: float, seconds: float) -> tuple[float | None, str]:
        """(the moment at which all was well after ``since``, or None; what was not well last)."""
        deadline = time.time() + seconds
        while True:
            said = self.unwell() or self._silent(since)
            if not said:
                return time.time(), ""
            if time.time() > deadline:
                return None, said
            time.sleep(LOOK_SECONDS)

    def unwell(self) -> str:
        """The parts that are not well, in a line; empty when all are."""
        state = self._folder.read()
        if state is None or not state.parts:
            return "the supervisor wrote no state"
        found = self._pool.map(self._part, state.parts)
        return ", ".join(said for said in found if said)

    def _part(self, state: PartState) -> str:
        if state.condition not in _WELL:
            return f"{state.name} is {state.condition}"
        if state.condition == "running" and (state.identity is None or state.identity.alive() is None):
            return f"{state.name} is dead"
        part = self._parts[state.name]
        since = state.since or 0.0 if state.name in ("worker", "content-worker") else 0.0
        try:
            well = part.kind == "job" or part.probe is None or part.probe(since - 30.0)
        except PlatformError:
            well = False
        return "" if well else f"{state.name} is silent"

    def _silent(self, since: float) -> str:
        """Streams whose last answer was not good, or came before ``since``."""
        last = {ask.stream: ask for ask in self._book.since(since) if not ask.again}
        bad = [name for name in STREAMS if name not in last or not last[name].good]
        return f"no good answer of {', '.join(bad)}" if bad else ""

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
