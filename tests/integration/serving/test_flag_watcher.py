"""A service follows the flags within seconds, and keeps the last known ones while the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.errors import DatabaseUnavailable
from config.flags import FlagState
from config.settings import Settings
from local.ports import free_port
from models.rollout import Flags
from serving import flags
from serving.flags import FlagWatcher
from storage.database import make_engine
from storage.flags import read_flags, set_flag

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
ML = "mlRecommendations"
#: By the issue a change is in force within 10 s.
IN_FORCE_SECONDS = 10


@pytest.fixture
def watcher(settings: Settings, engine: Engine) -> Iterator[FlagWatcher]:
    made = FlagWatcher(settings, partial(read_flags, engine))
    yield made
    made.stop()


@pytest.fixture
def away(settings: Settings) -> Iterator[Engine]:
    """An engine on a server that does not answer."""
    made = make_engine(settings.model_copy(update={"db_port": free_port()}), connect_seconds=1)
    yield made
    made.dispose()


def switch(engine: Engine, rollout: int) -> None:
    set_flag(engine, ML, enabled=True, rollout=rollout, actor="ada", reason="a look", at=AT)


def copy_of(settings: Settings) -> Path:
    return settings.home / "services" / "recommendation" / "flags.json"


def comes(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def test_a_change_is_in_force_within_seconds(watcher: FlagWatcher, engine: Engine) -> None:
    watcher.start()
    assert watcher.current.on(ML, "ada")
    switch(engine, 0)
    assert comes(lambda: not watcher.current.on(ML, "ada"), IN_FORCE_SECONDS)
    assert watcher.complaints() == []


def test_the_flags_are_there_when_it_has_started(watcher: FlagWatcher, engine: Engine) -> None:
    switch(engine, 25)
    watcher.start()
    assert watcher.current.states[ML] == FlagState(True, 25)


def test_the_last_known_flags_stand_while_the_database_is_away(settings: Settings, engine: Engine) -> None:
    here = True

    def read() -> object:
        if not here:
            raise DatabaseUnavailable("PostgreSQL is not reachable.")
        return read_flags(engine)

    switch(engine, 25)
    watcher = FlagWatcher(settings, read, seconds=0.02)  # type: ignore[arg-type]
    watcher.start()
    here = False
    time.sleep(0.2)
    assert watcher.current.states[ML] == FlagState(True, 25)
    switch(engine, 40)
    here = True
    assert comes(lambda: watcher.current.states[ML].rollout == 40, 5)
    watcher.stop()


def test_a_service_that_starts_without_the_database_has_the_last_known_flags(
    settings: Settings, engine: Engine, watcher: FlagWatcher, away: Engine
) -> None:
    switch(engine, 25)
    watcher.start()
    watcher.stop()
    after = FlagWatcher(settings, partial(read_flags, away))
    after.start()
    after.stop()
    assert after.current == watcher.current
    assert after.current.states[ML] == FlagState(True, 25)


def test_without_the_database_and_a_copy_the_defaults_hold(settings: Settings, away: Engine) -> None:
    watcher = FlagWatcher(settings, partial(read_flags, away))
    watcher.start()
    watcher.stop()
    assert watcher.current == Flags.of({})
    assert not copy_of(settings).exists(), "what was not read is not kept"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b'{"mlRecommendations": 5}', b'{"mlRecommendations": {}}', b"\xff"]
)
def test_a_damaged_copy_does_not_keep_it_from_starting(
    settings: Settings, away: Engine, engine: Engine, content: bytes
) -> None:
    copy_of(settings).parent.mkdir(parents=True)
    copy_of(settings).write_bytes(content)
    watcher = FlagWatcher(settings, partial(read_flags, away))
    watcher.start()
    watcher.stop()
    assert watcher.current == Flags.of({})
    mended = FlagWatcher(settings, partial(read_flags, engine))
    mended.start()
    mended.stop()
    assert b"engagementRanking" in copy_of(settings).read_bytes()


def test_a_disk_that_takes_nothing_does_no_harm_to_what_is_known(
    settings: Settings, engine: Engine, watcher: FlagWatcher
) -> None:
    copy_of(settings).parent.parent.mkdir(parents=True)
    copy_of(settings).parent.write_text("a file where the folder should be")
    switch(engine, 25)
    watcher.start()
    assert watcher.current.states[ML] == FlagState(True, 25)


def test_health_says_so_when_the_flags_have_not_been_read_for_a_while(
    settings: Settings, away: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "STALE_SECONDS", -1.0)
    watcher = FlagWatcher(settings, partial(read_flags, away))
    watcher.start()
    watcher.stop()
    assert watcher.complaints() == [
        "feature flags are as they were a while ago: the database does not tell them"
    ]
    monkeypatch.setattr(flags, "STALE_SECONDS", 60.0)
    assert watcher.complaints() == []
