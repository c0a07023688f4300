"""Many task runs of which some may fail: what succeeded, what failed, and one error at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Crashed

from config.errors import FlowError

#: Prefect's name of the state of a task run that waited for one that failed.
NOT_READY = "NotReady"


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


def finished(futures: Iterable[PrefectFuture[Any]]) -> Iterator[State[Any]]:
    """The final state of each task run, in the order of ``futures``, whenever each of them ended.

    One whose worker was lost, again and again, is crashed: it left no state of its own. So is one that was not
    begun, because what it waited for failed.
    """
    for future in futures:
        future.wait()
        state = future.state
        if state.is_final():
            yield state
        elif state.name == NOT_READY:
            yield Crashed(message="What is made of it was not begun.")
        else:
            yield Crashed(message=_lost(future))


def _lost(future: PrefectFuture[Any]) -> str:
    try:
        future.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - whatever the cluster says of the part that it gave up
        return f"The worker that ran it was lost: {error}"
    return "The worker that ran it was lost."
