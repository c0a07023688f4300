"""What the types of a question about clips cannot say, and what the platform must add to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from serving.ctr_schema import ClipFeatures, Place
from serving.problems import FieldError

#: Whose past counts a question may hold.
KINDS = ("clip", "creator", "advertiser")
PLACE = tuple(Place.__annotations__)
FEATURES = frozenset(
    (
        *ClipFeatures.__annotations__,
        *(f"{kind}_{count}" for kind in KINDS for count in ("impressions", "clicks")),
    )
)
#: A moment this short ago is now: backends need a while to ask.
NOW_SECONDS = timedelta(seconds=60)

Question = dict[str, Any]
#: (one of :data:`KINDS`, id)
Past = tuple[str, str]
_COUNTS = tuple((f"{kind}_impressions", f"{kind}_clicks", f"{kind}_id", kind) for kind in KINDS)


def is_inline(question: Question) -> bool:
    """Whether the question itself says something of the clip."""
    return any(name in FEATURES and value is not None for name, value in question.items())


def place(question: Question, common: Mapping[str, Any]) -> None:
    """Give the question the place that stands beside all of a request's questions, where it has none itself."""
    for name in PLACE:
        if name in common and question.get(name) is None:
            question[name] = common[name]


def faults(question: Question, path: str = "") -> Iterator[FieldError]:
    """What is wrong with a question whose fields fit, each by itself."""
    if question.get("clip_id") is None and not is_inline(question):
        yield FieldError(f"{path}clip_id", f"{path}clip_id is required, or at least one feature of the clip.")
    for shown, clicked, _, _ in _COUNTS:
        if (clicks := question.get(clicked)) is not None:
            impressions = question.get(shown)
            if impressions is None:
                yield FieldError(f"{path}{shown}", f"{path}{shown} is required where {clicked} is given.")
            elif clicks > impressions:
                yield FieldError(
                    f"{path}{clicked}", f"{path}{clicked} must be {shown} ({impressions}) or less."
                )


def missing_past(question: Question) -> list[Past]:
    """Whose past counts an inline question leaves out."""
    return [
        (kind, question[identity])
        for shown, _, identity, kind in _COUNTS
        if shown not in question and question.get(identity) is not None
    ]


def add_past(question: Question, past: Mapping[Past, tuple[int, int] | None]) -> None:
    """Put past counts, (impressions, clicks), into the question that left them out."""
    for shown, clicked, identity, kind in _COUNTS:
        counts = past.get((kind, question.get(identity) or ""))
        if counts is not None and shown not in question:
            question[shown], question[clicked] = counts


def known_as_of(question: Question, now: datetime) -> datetime | None:
    """The past moment whose knowledge the question asks for; None: what is known now."""
    at = question["at"]
    return at if at < now - NOW_SECONDS else None
