from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from local.backoff import Backoff


@given(seed=st.integers(), deaths=st.integers(min_value=1, max_value=200))
def test_each_wait_is_within_half_and_all_of_a_limit_that_doubles_up_to_the_longest(
    seed: int, deaths: int
) -> None:
    backoff = Backoff(random.Random(seed))
    for death in range(deaths):
        limit = min(30.0, 0.5 * 2.0 ** min(death, 32))
        assert 0.5 * limit <= backoff.after(uptime=0.0) <= limit


def test_a_healthy_minute_makes_it_forget_earlier_deaths() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(6):
        backoff.after(uptime=59.0)
    assert backoff.after(uptime=59.0) > 10
    assert backoff.after(uptime=60.0) <= 0.5


def test_parts_that_died_together_do_not_start_together() -> None:
    waits = {Backoff(random.Random(seed)).after(0.0) for seed in range(10)}
    assert len(waits) == 10
