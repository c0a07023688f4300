"""What is chosen and typed on the pages of moderation, checked; and the place in a long queue."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import FormData

from config.errors import InputError
from storage.content_tables import CONTENT_KINDS, DECISIONS

#: What a picture or a text can be; the order is that of the checkboxes.
LABELS: Mapping[str, str] = {
    "spam": "Spam", "hate": "Hate", "toxicity": "Toxicity", "nsfw": "NSFW", "violence": "Violence",
}  # fmt: skip
KINDS: Mapping[str, str] = {name: f"{name.capitalize()}s" for name in CONTENT_KINDS}
VERDICTS: Mapping[str, str] = {
    "approved": "Approved", "flagged": "Flagged", "review_required": "Review required", "rejected": "Rejected",
}  # fmt: skip
LONGEST_NOTE = 2000
#: Most decisions that one form reviews.
MOST = 200

#: Place in the queue: whether appealed, uncertainty, id.
Place = tuple[bool, float, UUID]


@dataclass(frozen=True)
class QueueFilter:
    """Which decisions are shown; an empty text is any."""

    kind: str = ""
    label: str = ""
    decision: str = ""
    appealed: str = ""

    @property
    def given(self) -> dict[str, str]:
        """What is not any, by name."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in named.items() if value}

    @property
    def query(self) -> str:
        """The filter as the query of an address."""
        return urlencode(self.given)

    @property
    def arguments(self) -> dict[str, Any]:
        """The filter as storage takes it."""
        return {
            "kinds": (self.kind,) if self.kind else (),
            "labels": (self.label,) if self.label else (),
            "decisions": (self.decision,) if self.decision else (),
            "appealed": {"yes": True, "no": False}.get(self.appealed),
        }


def queue_filter(query: Mapping[str, Any]) -> QueueFilter:
    """The filter of a page's address, or of a form that was opened under one.

    Raises:
        InputError: a value can be none of those that are looked for.
    """
    given = {one.name: str(query.get(one.name, "")).strip() for one in fields(QueueFilter)}
    known: Mapping[str, Sequence[str]] = {
        "kind": CONTENT_KINDS, "label": tuple(LABELS), "decision": DECISIONS, "appealed": ("yes", "no"),
    }  # fmt: skip
    for name, values in known.items():
        if given[name] not in ("", *values):
            raise InputError(f"'{given[name][:40]}' is no {name}.", hint=f"It is one of {', '.join(values)}.")
    return QueueFilter(**given)


@dataclass(frozen=True)
class ReviewForm:
    """What a reviewer said of some decisions.

    ``seen`` has, for each decision, when it had been reviewed last as the reviewer saw it (None: never).
    """

    seen: Mapping[UUID, datetime | None]
    decision: str
    labels: tuple[str, ...]
    note: str | None


def review_form(form: FormData) -> ReviewForm:
    """The form as it was sent.

    Raises:
        InputError: nothing is chosen, it is no review, or a rejection without a label.
    """
    decision = form.get("verdict")
    if decision not in ("approved", "rejected"):
        raise InputError("A review approves or rejects.")
    pairs = [str(one) for one in form.getlist("moderation")]
    if not 1 <= len(pairs) <= MOST:
        said = "Choose at least one first." if not pairs else f"At most {MOST} are reviewed at once."
        raise InputError(said)
    chosen = {str(one) for one in form.getlist("label_holds")}
    if unknown := chosen - set(LABELS):
        raise InputError(f"'{min(unknown)[:40]}' is none of the labels: {', '.join(LABELS)}.")
    labels = tuple(name for name in LABELS if name in chosen)
    if decision == "rejected" and not labels:
        raise InputError("Say what it is rejected for.", hint="Tick at least one label.")
    note = str(form.get("note") or "").strip()
    if len(note) > LONGEST_NOTE:
        raise InputError(f"A note has at most {LONGEST_NOTE} characters.")
    return ReviewForm(
        dict(map(_seen, pairs)), str(decision), labels if decision == "rejected" else (), note or None
    )


def _seen(pair: str) -> tuple[UUID, datetime | None]:
    """``<id>`` or ``<id>@<moment of the latest review>``."""
    name, _, at = pair.partition("@")
    try:
        return UUID(name), datetime.fromisoformat(at) if at else None
    except ValueError:
        raise InputError("A decision is named by its id.", hint="Load the page again.") from None


def encode_place(place: Place) -> str:
    """``place`` as one word for an address."""
    plain = json.dumps([place[0], place[1], str(place[2])])
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def decode_place(text: str) -> Place:
    """The place in the queue that ``text`` names.

    Raises:
        InputError: it is none that :func:`encode_place` has made.
    """
    try:
        appealed, uncertainty, name = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(appealed, bool) and 0 <= float(uncertainty) <= 1:
            return appealed, float(uncertainty), UUID(name)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    raise InputError("That place in the queue cannot be read.", hint="Load the page again.")
