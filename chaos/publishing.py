"""Contents as backends and creators publish them: short posts, now and then a video, some described anew.

Each is sent until it is taken, as a batch of events is. One in twenty that was taken is sent again as it is;
one in ten of a backend's is described anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.ledger import Ask, Book
from config.settings import Settings

REPEATED, EDITED, FILMED = 0.05, 0.1, 0.02
#: Each within its own limit of requests a minute.
CREATORS = 60
#: Where the film lies in the media bucket.
FILM = "chaos/film.mp4"
#: Longer than any clock jumps, and from no moment on: what a clock does to tokens is no question of this suite.
TOKEN_SECONDS = 30 * 86_400
#: Answers that say, or mean, that a content is kept.
TAKEN = ("accepted", "unchanged", "queued")
_TEXTS = (
    "I love the night train with one backpack #travel",
    "That goal in the last minute, unbelievable!",
    "W1N a fr33 ph0ne now! Click http://win.example/42",
    "My sourdough did not rise again, what a pity",
    "Nobody likes you, you wobblehead",
    "The new album is better than the last one #music",
)


@dataclass
class Answered:
    """What came back; ``status`` 0: nothing."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


#: Sends a body to a path of a service, with a token's header in place of the API key: what came back.
Send = Callable[[str, str, dict[str, Any], Mapping[str, str] | None], Awaitable[Answered]]


@dataclass
class Post:
    """A content on its way, and what became of it.

    Attributes:
        stream: how it is published: ``contents`` at the content service, ``posts`` through the gateway.
        edition: which description of it is sent now, from 1 on; each has a text of its own.
        kept: the edition that was taken last; 0: none was.
        sent: how often this edition was sent.
    """

    name: str
    stream: str
    creator: int
    words: str
    video: str | None = None
    edition: int = 1
    kept: int = 0
    sent: int = 0
    due: float = 0.0

    @property
    def kind(self) -> str:
        """Which kind of content."""
        return "video" if self.video else "post"

    @property
    def creator_id(self) -> str:
        """Whose it is."""
        return f"creator-{self.creator:02d}"

    def text(self, edition: int) -> str:
        """The text of an edition."""
        return f"{self.words} ({edition})"

    @property
    def fields(self) -> dict[str, Any]:
        """What is sent of it, but its id and kind."""
        found = {"creator_id": self.creator_id, "text": self.text(self.edition)}
        return {**found, "video": self.video} if self.video else found


class Publisher:
    """Publishes, and knows what it published."""

    def __init__(self, settings: Settings, book: Book, draw: random.Random) -> None:
        secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
        until = int(time.time()) + TOKEN_SECONDS
        self._tokens = [_token(secret, f"creator-{number:02d}", until) for number in range(CREATORS)]
        self._book, self._draw = book, draw
        self.posts: list[Post] = []

    def new(self, name: str, stream: str) -> Post:
        """A content that nobody has seen."""
        video = FILM if stream == "contents" and self._draw.random() < FILMED else None
        made = Post(name, stream, self._draw.randrange(CREATORS), self._draw.choice(_TEXTS), video)
        self.posts.append(made)
        return made

    async def send(self, post: Post, send: Send) -> bool:
        """Send it once, and write down what came; whether it is to be sent again, as it is then."""
        began, edition = time.time(), post.edition
        if post.stream == "posts":
            token = {"authorization": f"Bearer {self._tokens[post.creator]}"}
            body = {"content_id": post.name, "content_type": post.kind, **post.fields}
            answer = await send("gateway", "/api/v1/ml/content", body, token)
            said = answer.body.get("status")
        else:
            body = {"id": post.name, "kind": post.kind, **post.fields}
            answer = await send("content", "/api/v1/contents", body, None)
            said = next(iter(answer.body.get("results") or [{}])).get("status")
        taken = 200 <= answer.status < 300 and said in TAKEN
        if 200 <= answer.status < 300 and not taken:
            answer = Answered(0, reason=f"not taken: {said}")
        self._book.write(
            Ask(
                post.stream,
                (post.name,),
                began,
                time.time(),
                answer.status,
                answer.reason,
                (),
                taken,
                degraded=said == "queued",
                again=post.sent > 0 or edition > 1,
            )
        )
        post.sent += 1
        if taken:
            post.kept = edition
        return not taken or self._goes_on(post)

    def _goes_on(self, post: Post) -> bool:
        """Whether a content that was taken is sent once more: as it is, or described anew."""
        if post.sent > 1:
            return False
        drawn = self._draw.random()
        # at its first try: of one that was sent twice an early try may still be on its way, and come last
        if post.stream == "contents" and post.edition == 1 and drawn < EDITED:
            post.edition, post.sent = 2, 0
            return True
        return drawn >= 1 - REPEATED


def _token(secret: str, creator: str, until: int) -> str:
    """A creator's token; without ``iat``, so that it holds also by a clock that is behind."""
    import jwt

    return jwt.encode({"sub": creator, "role": "creator", "exp": until}, secret, algorithm="HS256")
