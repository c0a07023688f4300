"""Many task runs of which some may fail: what succeeded, what failed, and one error at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State

from config.errors import FlowError


@dataclass(frozen=True)
class Outcomes:
    """What the task runs gave, in order, and the sentences of those that failed."""

    results: list[Any]
    failures: list[str]

    def raise_failures(self) -> None:
        """Raise FlowError when something failed, so that the run is seen as failed too."""
        if self.failures:
            raise FlowError(
                f"{len(self.failures)} of {len(self.failures) + len(self.results)} parts failed: "
                + " | ".join(self.failures)
            )


def gather(states: Iterable[State[Any]]) -> Outcomes:
    """Sort finished task runs into results and failures, so that one family's trouble stops no other's work."""
    results, failures = [], []
    for state in states:
        value = getattr(state.data, "result", state.data)  # kept in memory, in a record
        if state.is_completed():
            results.append(value)
        else:
            failures.append(str(value or state.message or state.name))
    return Outcomes(results, failures)
