"""What became of the parts of a run, in words."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Completed, Failed, Pending

from tasks.outcomes import finished, gather


def ended(state: State[int]) -> PrefectConcurrentFuture[Any]:
    done: Future[Any] = Future()
    done.set_result(state)
    return PrefectConcurrentFuture(uuid4(), done)


def test_a_part_that_waited_for_one_that_failed_is_not_said_to_have_lost_its_worker() -> None:
    futures = [
        ended(Completed(data=1)),
        ended(Failed(data=ValueError("the reason"))),
        ended(Pending(name="NotReady", message="Upstream task run did not reach a COMPLETED state.")),
    ]

    found = gather(finished(futures))

    assert found.results == [1]
    assert found.failures == ["the reason", "What is made of it was not begun."]
