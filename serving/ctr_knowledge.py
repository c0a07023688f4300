"""Makes a question about clips complete: what the platform knows of them, as of the right moment."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any, Protocol

from config.errors import DatabaseUnavailable
from serving.ctr_question import Past, Question, add_past, is_inline, known_as_of, missing_past
from serving.lookup import Lookup
from serving.problems import FieldError, Problem
from serving.threads import in_pool

logger = logging.getLogger(__name__)

#: A change that another process saved shows after this long at most.
FRESH_SECONDS = 5.0
#: Past counts change when a day's outcomes are final: they may be this old.
FRESH_PAST_SECONDS = 60.0
#: While the database is away, clips that were asked about this lately are answered.
STALE_SECONDS = 900.0
PATIENCE_SECONDS = 4.0
#: An inline question does without past counts rather than wait longer, and one that names a clip with those
#: that were read lately. Those of a large advertiser take the database a second, so they are read for all its
#: clips at once and seldom.
PAST_PATIENCE_SECONDS = 0.25


class ClipReader(Protocol):
    """The part of :class:`serving.ctr_database.ClipDatabase` that is read here."""

    def clips(self, ids: Sequence[str], at: datetime | None = None) -> Mapping[str, dict[str, Any]]:
        """What was known of clips at a moment, with past counts; None: now."""
        ...

    def described(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """What is known of clips now, without past counts."""
        ...

    def known_since(self, ids: Sequence[str]) -> Mapping[str, datetime]:
        """Since when clips are known."""
        ...

    def past(self, keys: Sequence[Past], at: datetime | None = None) -> Mapping[Past, tuple[int, int]]:
        """(impressions, clicks) as known at a moment; None: now."""
        ...


class Knowledge:
    """What the database knows, with a short memory."""

    def __init__(self, database: ClipReader, pool: Executor) -> None:
        self._database = database
        self._pool = pool
        self.clips: Lookup[str, dict[str, Any]] = Lookup(
            database.described,
            pool,
            fresh_seconds=FRESH_SECONDS,
            stale_seconds=STALE_SECONDS,
            patience=PATIENCE_SECONDS,
        )
        self.past: Lookup[Past, tuple[int, int]] = Lookup(
            database.past,
            pool,
            fresh_seconds=FRESH_PAST_SECONDS,
            stale_seconds=STALE_SECONDS,
            patience=PAST_PATIENCE_SECONDS,
        )

    def complete_now(self, question: Question, now: datetime) -> bool:
        """Make an inline question complete without waiting, in place; False: :meth:`complete` must."""
        if not is_inline(question):
            return False
        missing = missing_past(question)
        if not missing:
            return True
        if known_as_of(question, now) is not None:
            return False
        known = {key: self.past.known(key) for key in missing}
        if None in known.values() and not self.past.paused:
            return False
        add_past(question, {key: entry.value for key, entry in known.items() if entry})
        return True

    async def complete(self, questions: Sequence[Question], now: datetime, path: str) -> None:
        """Make questions complete, in place.

        Args:
            questions: each with its ``at``.
            now: the time.
            path: of a question in the request, with a place for its number: ``clips[{}].``.

        Raises:
            Problem: 404 for clips that are not known, 503 while the database is away.
        """
        by_moment: dict[datetime | None, list[Question]] = defaultdict(list)
        for question in questions:
            by_moment[known_as_of(question, now)].append(question)
        unknown: list[int] = []
        of_the_past: list[str] = []
        for at, group in by_moment.items():
            named = [question for question in group if not is_inline(question)]
            inline = [question for question in group if is_inline(question)]
            # first: what is asked by name becomes inline when it is complete
            await self._add_past(inline, at, PAST_PATIENCE_SECONDS)
            missing = await self._add_clips(named, at)
            unknown += [id(question) for question in missing]
            of_the_past += [question["clip_id"] for question in missing if at is not None]
            if at is None and not unknown:
                await self._add_past(named, at, PATIENCE_SECONDS)
        if unknown:
            places = [at for at, one in enumerate(questions) if id(one) in unknown]
            raise _unknown(places, questions, path, await self._since(of_the_past))

    async def _add_clips(self, questions: Sequence[Question], at: datetime | None) -> list[Question]:
        """Fill in what is known of clips; gives back those whose clip is not known."""
        if not questions:
            return []
        ids = list(dict.fromkeys(question["clip_id"] for question in questions))
        try:
            if at is None:
                found: Mapping[str, dict[str, Any] | None] = await self.clips.get(ids)
                self.clips.forget([one for one in ids if found[one] is None])
            else:
                found = await self._read(self._database.clips, ids, at)
        except (DatabaseUnavailable, TimeoutError):
            raise away("What is known of the clip cannot be read now: the database is away.") from None
        unknown = []
        for question in questions:
            known = found.get(question["clip_id"])
            if known is None:
                unknown.append(question)
            else:
                given = {name: value for name, value in question.items() if value is not None}
                question.clear()
                question.update({**known, **given})
        return unknown

    async def _since(self, ids: Sequence[str]) -> Mapping[str, datetime]:
        """Since when clips are known; what cannot be read now is left out."""
        if not ids:
            return {}
        try:
            return dict(await self._read(self._database.known_since, list(dict.fromkeys(ids))))
        except (DatabaseUnavailable, TimeoutError):
            return {}

    async def _add_past(self, questions: Sequence[Question], at: datetime | None, patience: float) -> None:
        """Fill in past counts. Without the database they stay unknown: an answer is worth more than them."""
        keys = list(dict.fromkeys(key for question in questions for key in missing_past(question)))
        if not keys:
            return
        try:
            if at is None:
                found: Mapping[Past, tuple[int, int] | None] = await self.past.get(keys, patience=patience)
            else:
                found = await self._read(self._database.past, keys, at)
        except (DatabaseUnavailable, TimeoutError):
            return
        for question in questions:
            add_past(question, found)

    async def _read(self, read: Callable[..., Any], *arguments: Any) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await in_pool(self._pool, read, *arguments)


def away(sentence: str) -> Problem:
    """503 that says when to come again."""
    return Problem(503, sentence, headers=((b"retry-after", b"5"),))


def _unknown(
    places: Sequence[int], questions: Sequence[Question], path: str, since: Mapping[str, datetime]
) -> Problem:
    """404 for the questions at ``places``; ``since`` has those clips that became known after their moment."""
    missing = {at: _missing(questions[at], since) for at in places}
    errors = [
        FieldError(f"{path.format(at)}clip_id", f"{path.format(at)}clip_id: {said[:1].lower()}{said[1:]}.")
        for at, said in missing.items()
    ]
    more = f" There are {len(places) - 1} more that are not known." if len(places) > 1 else ""
    late = questions[places[0]]["clip_id"] in since
    hint = "Ask about a later `at`" if late else "Save it with POST /clips"
    detail = f"{missing[places[0]]}.{more} {hint}, or send its features with the question."
    return Problem(404, detail, errors)


def _missing(question: Question, since: Mapping[str, datetime]) -> str:
    name = question["clip_id"]
    if name not in since:
        return f"There is no clip '{name[:100]}'"
    asked, known = (
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" for moment in (question["at"], since[name])
    )
    return f"The clip '{name[:100]}' was not known yet at {asked}, but since {known}"
