"""What users did: read when they ask, and counted at once when it is posted here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import DatabaseUnavailable
from models.recommendation.question import Interaction
from serving import recommendation_users
from serving.recommendation_users import Histories, _merged
from tests.unit.serving.recommendation.conftest import DatabaseDouble

A, B, C = (Interaction(f"v{number}", "like", 1_000_000 * number) for number in (1, 2, 3))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def histories(
    database: DatabaseDouble, pool: ThreadPoolExecutor, *, watched: bool = True, length: int = 10
) -> Histories:
    return Histories(database, pool, length, lambda: watched)


def test_a_history_is_read_once_and_then_known(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [B, A]})
    users = histories(database, pool)
    assert users.known("u") is None
    assert asyncio.run(users.get("u")).history == (B, A)
    known = users.known("u")
    assert known is not None
    assert known.history == (B, A)
    assert database.asked["histories"] == 1


def test_what_is_posted_counts_at_once_and_once(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [B, A]})
    users = histories(database, pool)
    users.add("u", [C])
    assert users.known("u") is None, "what was before is not known yet"
    assert asyncio.run(users.get("u")).history == (C, B, A)
    database.history["u"] = [C, B, A]  # it has reached the database
    users.acted(["u"])
    assert asyncio.run(users.get("u")).history == (C, B, A)


def test_after_an_erasure_nothing_is_told_that_the_database_has_not(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [B, A]})
    users = histories(database, pool)
    users.add("u", [C])
    assert asyncio.run(users.get("u")).history == (C, B, A)
    database.history = {}
    users.clear()
    assert users.known("u") is None
    assert asyncio.run(users.get("u")).history == ()


def test_what_is_posted_outlasts_a_reading_that_does_not_have_it_yet(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [A]})
    users = histories(database, pool)
    asyncio.run(users.get("u"))
    users.add("u", [B])
    users.acted(["u"])
    assert asyncio.run(users.get("u")).history == (B, A)


def test_who_acted_elsewhere_is_read_again_and_nobody_else(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [A], "v": [A]})
    users = histories(database, pool)
    for user in ("u", "v"):
        asyncio.run(users.get(user))
    users.acted(["u", "nobody"])
    assert users.known("u") is None
    assert users.known("v") is not None
    users.all_acted()
    assert users.known("v") is None


def test_an_act_while_the_history_is_read_makes_it_read_again(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [A]}, slow=0.05)
    users = histories(database, pool)

    async def work() -> None:
        reading = asyncio.create_task(users.get("u"))
        await asyncio.sleep(0.02)
        users.acted(["u"])
        await reading

    asyncio.run(work())
    assert users.known("u") is None


def test_without_somebody_who_watches_a_history_is_old_soon(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommendation_users, "FRESH_SECONDS", 0.02)
    database = DatabaseDouble(history={"u": [A]})
    watched, alone = histories(database, pool), histories(database, pool, watched=False)
    for users in (watched, alone):
        asyncio.run(users.get("u"))
    time.sleep(0.03)
    assert watched.known("u") is not None
    assert alone.known("u") is None


def test_while_the_database_is_away_memory_answers_and_says_so(pool: ThreadPoolExecutor) -> None:
    database = DatabaseDouble(history={"u": [A]})
    users = histories(database, pool)
    asyncio.run(users.get("u"))
    users.acted(["u"])
    database.away = True
    assert asyncio.run(users.get("u")) == ((A,), True)
    assert asyncio.run(users.get("w")) == ((), True)


def test_a_slow_database_is_not_waited_for(pool: ThreadPoolExecutor) -> None:
    users = histories(DatabaseDouble(history={"u": [A]}, slow=0.5), pool)
    began = time.perf_counter()
    assert asyncio.run(users.get("u")).degraded is True
    assert time.perf_counter() - began < 0.4


def test_a_fault_of_the_reading_is_no_outage(pool: ThreadPoolExecutor) -> None:
    class Broken(DatabaseDouble):
        def histories(self, users: object) -> dict[str, tuple[Interaction, ...]]:
            raise KeyError(f"a bug with {users}")

    with pytest.raises(KeyError):
        asyncio.run(histories(Broken(), pool).get("u"))
    with pytest.raises(DatabaseUnavailable):
        DatabaseDouble(away=True).histories(["u"])


def test_memory_is_bounded_by_users_and_by_interactions(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommendation_users, "MAX_USERS", 3)
    monkeypatch.setattr(recommendation_users, "MAX_INTERACTIONS", 8)
    database = DatabaseDouble(history={f"u{number}": [C, B, A] for number in range(5)})
    users = histories(database, pool)
    for number in range(5):
        asyncio.run(users.get(f"u{number}"))
        users.add(f"u{number}", [C])
    assert len(users._users) <= 3
    held = sum(len(user.history) + len(user.own) for user in users._users.values())
    assert users._interactions == held <= 8


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)), st.integers(1, 6))
def test_a_merged_history_is_the_newest_of_both_each_once(old: list[int], new: list[int], length: int) -> None:
    def deeds(numbers: list[int]) -> tuple[Interaction, ...]:
        return tuple(Interaction(f"v{n}", "view", n) for n in sorted(set(numbers), reverse=True))

    merged = _merged(deeds(old), deeds(new), length)
    assert [deed.at_us for deed in merged] == sorted(set(old) | set(new), reverse=True)[:length]
