"""Contents and counts that wait on the disks of two workers: what was told last stands, whoever comes first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from serving import content_database, ctr_database
from serving.content_contents_api import ContentsApi
from serving.content_database import ContentDatabase, take_contents
from serving.ctr_database import ClipDatabase, take_outcomes
from serving.ctr_outcomes import OutcomesApi
from serving.inbox import Inbox
from serving.metrics import ServiceMetrics
from storage.clips import save_clips
from storage.contents import get_content
from storage.database import transaction
from tests.integration.serving.conftest import Gate

LIMIT = 1 << 20
DAY = timedelta(days=1)
ENDED = datetime.now(UTC) - 2 * DAY
OUTCOME = {
    "key": "k", "clip_id": "c", "started_at": ENDED - DAY, "ended_at": ENDED, "placement": None,
    "audience": None, "impressions": 100, "clicks": 5, "replace": False,
}  # fmt: skip


@dataclass
class Worker:
    """One worker of a service: what it is told goes through its gate to the database, or to its disk."""

    save: Callable[[list[dict[str, Any]]], list[str]]
    inbox: Inbox
    gate: Gate
    database: ContentDatabase | ClipDatabase
    metrics: ServiceMetrics

    def ship(self) -> None:
        self.inbox.spool.rotate()
        self.inbox.shipper.ship()

    def overtaken(self) -> float:
        return float(self.metrics.queue(self.inbox._what).overtaken._value.get())

    def close(self) -> None:
        self.inbox.spool.close()
        self.database.close()
        self.gate.close()


Make = Callable[[str, str], Worker]


@pytest.fixture
def worker(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes workers for ``contents`` or ``outcomes`` with their queue in a folder of that name."""
    save_clips(engine, [{"clip_id": "c"}], ENDED - 9 * DAY)
    made: list[Worker] = []
    pool = ThreadPoolExecutor(1)
    # the queue's connections are the worker's, so that they are closed
    for module, name in ((content_database, "ContentDatabase"), (ctr_database, "ClipDatabase")):
        monkeypatch.setattr(module, name, lambda given: databases[given.db_port])
    databases: dict[int, Any] = {}

    def make(what: str, folder: str) -> Worker:
        gate = Gate("127.0.0.1", settings.database_port)
        behind = settings.model_copy(update={"db_port": gate.port})
        metrics = ServiceMetrics(f"{what}-{len(made)}")
        figure = metrics.queue(what).overtaken
        take: Any = take_contents if what == "contents" else take_outcomes
        place: Path = settings.home / folder
        inbox = Inbox(what, place, settings, metrics, partial(take, behind, figure), dated=True)
        if what == "contents":
            contents = databases[gate.port] = ContentDatabase(behind)
            api = ContentsApi(contents, inbox, pool, LIMIT)
            made.append(Worker(lambda rows: _statuses(api, rows), inbox, gate, contents, metrics))
        else:
            clips = databases[gate.port] = ClipDatabase(behind)
            counts = OutcomesApi(clips, inbox, pool, LIMIT)
            made.append(Worker(lambda rows: counts._save(rows, datetime.now(UTC)), inbox, gate, clips, metrics))
        return made[-1]

    yield make
    for one in made:
        one.close()
    pool.shutdown()


def _statuses(api: ContentsApi, rows: list[dict[str, Any]]) -> list[str]:
    return [one["status"] for one in api._save(rows)]


def post(words: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": "p", "kind": "post", "text": words, **more}]


def count(clicks: int, **more: Any) -> list[dict[str, Any]]:
    return [OUTCOME | {"clicks": clicks, "replace": True} | more]


def standing(engine: Engine) -> tuple[str | None, int]:
    found = get_content(engine, "p")
    assert found is not None
    return found.text, found.revision


def revisions(engine: Engine) -> list[tuple[int, int]]:
    query = text("select revision, clicks from clip_outcomes where key = 'k' order by revision")
    with transaction(engine) as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


@pytest.mark.parametrize("folders", [("one", "one"), ("one", "two")])
def test_an_older_text_from_a_disk_changes_nothing_that_was_told_later(
    worker: Make, engine: Engine, folders: tuple[str, str]
) -> None:
    a, b = (worker("contents", folder) for folder in folders)
    a.gate.close()
    assert a.save(post("old")) == ["queued"]
    assert b.save(post("new")) == ["queued" if folders == ("one", "one") else "accepted"]
    b.ship()
    assert standing(engine) == ("new", 1)
    a.gate.open()
    a.ship()
    assert standing(engine) == ("new", 1), "neither the text nor the revision changes"
    assert (a.overtaken(), b.overtaken()) == (1, 0)
    assert not list((a.inbox.spool.folder / "set-aside").iterdir()), "it is nobody's fault"


def test_texts_of_two_disks_end_with_the_last_in_either_order(worker: Make, engine: Engine) -> None:
    a, b = worker("contents", "one"), worker("contents", "two")
    for one in (a, b):
        one.gate.close()
    assert a.save(post("first")) == b.save(post("second")) == a.save(post("third")) == ["queued"]
    for one in (a, b):
        one.gate.open()
        one.ship()
    assert standing(engine)[0] == "third"
    assert (a.overtaken(), b.overtaken()) == (0, 1)


def test_the_same_text_told_again_is_the_last_word_too(worker: Make, engine: Engine) -> None:
    a, b = worker("contents", "one"), worker("contents", "two")
    assert b.save(post("as it was")) == ["accepted"]
    a.gate.close()
    assert a.save(post("a slip")) == ["queued"]
    assert b.save(post("as it was")) == ["unchanged"]
    a.gate.open()
    a.ship()
    assert standing(engine) == ("as it was", 1)


def test_what_a_backend_writes_itself_is_later_than_what_waited(worker: Make, engine: Engine) -> None:
    a = worker("contents", "one")
    assert a.save(post("first")) == ["accepted"]
    a.gate.close()
    assert a.save(post("second")) == ["queued"]
    with transaction(engine) as connection:
        connection.execute(text("update contents set text = 'third' where id = 'p'"))
    a.gate.open()
    a.ship()
    assert standing(engine) == ("third", 2)


def test_lines_of_an_older_version_count_from_when_they_were_written(worker: Make, engine: Engine) -> None:
    a, b = worker("contents", "one"), worker("contents", "two")
    assert b.save(post("before")) == ["accepted"]
    a.inbox.keep(post("of the older version"))
    a.ship()
    assert standing(engine)[0] == "of the older version", "it was written after what stood"
    a.inbox.keep(post("late"))
    assert b.save(post("newest")) == ["accepted"]
    a.ship()
    assert standing(engine)[0] == "newest"
    assert a.overtaken() == 1


@pytest.mark.parametrize("folders", [("one", "one"), ("one", "two")])
def test_an_older_correction_from_a_disk_changes_nothing_and_is_told_in_the_log(
    worker: Make, engine: Engine, folders: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    a, b = (worker("outcomes", folder) for folder in folders)
    assert b.save([OUTCOME]) == ["new"]
    a.gate.close()
    assert a.save(count(7)) == ["queued"]
    assert b.save(count(9)) == ["queued" if folders == ("one", "one") else "revised"]
    b.ship()
    a.gate.open()
    with caplog.at_level(logging.WARNING):
        a.ship()
    assert revisions(engine) == [(1, 5), (2, 9)]
    assert "the correction of 'k' to 7 clicks of 100" in caplog.text
    assert a.overtaken() == 1


def test_corrections_of_two_disks_end_with_the_last_and_are_known_when_they_came(
    worker: Make, engine: Engine
) -> None:
    a, b = worker("outcomes", "one"), worker("outcomes", "two")
    assert b.save([OUTCOME]) == ["new"]
    for one in (a, b):
        one.gate.close()
    for one, clicks in ((a, 7), (b, 8), (a, 9)):
        assert one.save(count(clicks)) == ["queued"]
    told_by = datetime.now(UTC)
    for one in (b, a):
        one.gate.open()
        one.ship()
    assert revisions(engine) == [(1, 5), (2, 8), (3, 9)]
    with transaction(engine) as connection:
        rows = connection.execute(text("select told_at, known_at from clip_outcomes where revision > 1")).all()
    assert all(told < told_by < known for told, known in rows), "nothing is known before it came"


def test_a_correction_taken_back_stays_taken_back(worker: Make, engine: Engine) -> None:
    a, b = worker("outcomes", "one"), worker("outcomes", "two")
    assert b.save([OUTCOME]) == ["new"]
    a.gate.close()
    assert a.save(count(7)) == ["queued"]
    assert b.save(count(5)) == ["repeated"]
    a.gate.open()
    a.ship()
    assert revisions(engine) == [(1, 5)]


def test_the_first_count_still_comes_from_a_disk(worker: Make, engine: Engine) -> None:
    a = worker("outcomes", "one")
    a.gate.close()
    assert a.save([OUTCOME]) == ["queued"]
    a.gate.open()
    a.ship()
    assert revisions(engine) == [(1, 5)]
