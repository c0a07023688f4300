"""Publishing as backends and creators do: until it is taken, and never two editions on their way at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from chaos.ledger import Book
from chaos.load import Load
from chaos.publishing import Answered, Post, Publisher
from config.settings import load_settings
from serving.gateway.tokens import Tokens

SECRET = "a-secret-of-more-than-thirty-two-bytes"
TAKEN = Answered(202, {"results": [{"status": "accepted"}], "status": "accepted"})


class Service:
    """Gives the answers in their order, and keeps what it was asked."""

    def __init__(self, *answers: Answered) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, Any], Mapping[str, str] | None]] = []

    async def send(
        self, family: str, path: str, body: dict[str, Any], token: Mapping[str, str] | None
    ) -> Answered:
        self.asked.append((family, path, body, token))
        return self._answers.pop(0) if self._answers else TAKEN


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "requests.jsonl")
    yield made
    made.close()


def publisher(book: Book, draws: float, tmp_path: Path) -> Publisher:
    """One for which every chance comes out as ``draws``."""
    draw = random.Random(3)
    draw.random = lambda: draws  # type: ignore[method-assign]
    return Publisher(load_settings(assay_home=tmp_path, jwt_secret=SECRET), book, draw)


def sent(of: Publisher, post: Post, service: Service) -> int:
    """How often it was sent until that was enough."""
    times = 1
    while asyncio.run(of.send(post, service.send)):
        times += 1
        assert times < 10
    return times


def test_what_is_not_taken_is_sent_again_as_it_is(book: Book, tmp_path: Path) -> None:
    of, service = publisher(book, 0.5, tmp_path), Service(Answered(503, {}, "away"), Answered(0), TAKEN)
    post = of.new("a", "contents")
    assert sent(of, post, service) == 3
    assert post.kept == 1
    assert service.asked[0] == service.asked[1] == service.asked[2]
    assert [(ask.good, ask.promised, ask.again) for ask in book.asks] == [
        (False, False, False), (False, False, True), (True, True, True),
    ]  # fmt: skip


def test_an_answer_that_takes_it_not_is_a_failed_one(book: Book, tmp_path: Path) -> None:
    of, service = publisher(book, 0.5, tmp_path), Service(Answered(202, {"results": [{"status": "rejected"}]}))
    post = of.new("a", "contents")
    assert asyncio.run(of.send(post, service.send))
    assert post.kept == 0
    assert not book.asks[0].good
    assert "rejected" in book.asks[0].reason


def test_some_are_described_anew_and_only_once_the_first_text_was_taken_at_its_first_try(
    book: Book, tmp_path: Path
) -> None:
    of, service = publisher(book, 0.05, tmp_path), Service()
    post = of.new("a", "contents")
    assert sent(of, post, service) == 2
    assert (post.kept, post.edition) == (2, 2)
    first, second = (asked[2]["text"] for asked in service.asked)
    assert (first, second) == (post.text(1), post.text(2))
    assert first != second
    late = Service(Answered(0))
    other = of.new("b", "contents")
    assert sent(of, other, late) == 2
    assert (other.kept, other.edition) == (1, 1)


def test_some_that_were_taken_are_sent_again_unchanged(book: Book, tmp_path: Path) -> None:
    of, service = publisher(book, 0.99, tmp_path), Service()
    assert sent(of, of.new("a", "posts"), service) == 2
    assert service.asked[0] == service.asked[1]


def test_a_creator_publishes_through_the_gateway_with_a_token_of_their_own(book: Book, tmp_path: Path) -> None:
    of, service = publisher(book, 0.5, tmp_path), Service()
    post = of.new("a", "posts")
    sent(of, post, service)
    family, _, body, token = service.asked[0]
    assert family == "gateway"
    assert token is not None
    tokens = Tokens(load_settings(assay_home=tmp_path, jwt_secret=SECRET))
    caller = asyncio.run(tokens.verify(token["authorization"].removeprefix("Bearer ")))
    assert caller.user_id == post.creator_id == body["creator_id"]
    assert "creator" in caller.roles


def test_many_creators_share_the_load(book: Book, tmp_path: Path) -> None:
    of = publisher(book, 0.5, tmp_path)
    assert len({of.new(str(number), "posts").creator for number in range(600)}) > 40


def test_who_is_refused_again_and_again_waits_longer(book: Book, tmp_path: Path) -> None:
    load = Load(load_settings(assay_home=tmp_path, jwt_secret=SECRET), book, 3, "m-", [])
    waits = []
    for sent_before in range(1, 7):
        before = time.monotonic()
        post = Post("a", "posts", 1, "hi", sent=sent_before)
        load._wait(post)
        waits.append(round(post.due - before, 1))
    assert waits == [1.5, 3.0, 6.0, 12.0, 12.0, 12.0]
    assert load._due() == []
