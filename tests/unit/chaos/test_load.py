"""What the load writes down of the answers that it gets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.ledger import Ask, Book
from chaos.load import Load
from chaos.publishing import Answered
from config.settings import load_settings
from serving.recorder import new_identities


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "requests.jsonl")
    yield made
    made.close()


def asked_for_a_list(book: Book, tmp_path: Path, answer: Answered) -> Ask:
    load = Load(load_settings(assay_home=tmp_path, jwt_secret="s" * 32), book, 3, "m-", [])

    async def post(*_: Any) -> Answered:
        return answer

    load._post = post  # type: ignore[assignment,method-assign]
    asyncio.run(load._lists(None, "m-1"))  # type: ignore[arg-type]
    return book.asks[-1]


@pytest.mark.parametrize("degraded", [False, True])
def test_a_list_promises_that_it_is_on_record_by_its_id_and_tells_when_it_was_made(
    book: Book, tmp_path: Path, degraded: bool
) -> None:
    (identity,) = new_identities(1)
    body = {"recommendation_id": identity, "degraded": degraded, "cached": True}
    ask = asked_for_a_list(book, tmp_path, Answered(200, body))
    assert (ask.keys, ask.promised, ask.degraded) == ((identity,), True, degraded)
    assert ask.made == pytest.approx(time.time(), abs=5.0)


@pytest.mark.parametrize(
    "answer", [Answered(0, reason="no answer"), Answered(200, {"recommendation_id": None, "preview": True})]
)
def test_what_has_no_id_promises_nothing(book: Book, tmp_path: Path, answer: Answered) -> None:
    ask = asked_for_a_list(book, tmp_path, answer)
    assert (ask.keys, ask.promised, ask.made) == (("m-1",), False, None)
