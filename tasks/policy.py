"""How tasks are retried: only what a later attempt can mend, further and further apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from config.errors import DatabaseUnavailable, RegistryUnavailable, StoreUnavailable
from tasks.observing import spanned

#: Something was away; everything else fails the same way again.
TRANSIENT = (StoreUnavailable, DatabaseUnavailable, RegistryUnavailable, ConnectionError, TimeoutError)
RETRIES = 5

P = ParamSpec("P")
R = TypeVar("R")


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the failure in ``state`` is of a service that was away."""
    return isinstance(state.data, TRANSIENT)


def networked(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task that talks to other processes: 1, 2, 4, 8 and 16 s between attempts, each stretched by chance.

    Nothing is cached or persisted: a task is idempotent, so doing it again is safe and never stale.
    """
    return _task(
        name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(1),
        retry_jitter_factor=1.0,
        retry_condition_fn=worth_retrying,
    )


def looking(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task that looks at what may be away: tried twice only, because saying so is its answer."""
    return _task(name, retries=1, retry_delay_seconds=5, retry_condition_fn=worth_retrying)


def computed(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task that only computes: it would fail the same way again, so it is not retried."""
    return _task(name)


def _task(name: str, **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task that is a span each time it is tried, where traces are on."""

    def made(work: Callable[P, R]) -> Task[P, R]:
        return decorate(spanned(name)(work))

    decorate: Callable[[Callable[P, R]], Task[P, R]] = task(
        name=name, cache_policy=NO_CACHE, persist_result=False, **options
    )
    return made
