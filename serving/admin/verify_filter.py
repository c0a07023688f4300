"""The filters of the verify page as they stand in its address, and the place in a long list.

``/verify/face?when=2026-11&class=Soft&least=20&most=60&state=waiting&reason=...&user=...``: every part may be
left out. Confidence is in percent. ``after`` is where the next page of the list begins.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from config.errors import InputError
from storage.candidates import Filter

#: What a candidate's state is called on the page, in the order of the list.
STATES = {
    "waiting": "Waiting",
    "aside": "Set aside",
    "skip": "Skipped",
    "accept": "Confirmed",
    "correct": "Corrected",
    "reject": "Rejected",
    "any": "All",
}
_MONTH = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")
MAX_TEXT = 300

#: Place in the order of the list: rank, cluster, id.
Place = tuple[float, str, int]


@dataclass(frozen=True)
class Asked:
    """What an address asks for: the filter, its parts as they stand in the form, and what could not be read."""

    filter: Filter
    form: dict[str, str]
    problems: tuple[str, ...]


def read_filter(family: str, query: Mapping[str, str]) -> Asked:
    """The filter in ``query``. A part that makes no sense is left out, and named in ``problems``."""
    form = {name: query.get(name, "").strip() for name in ("class", "least", "most", "state", "reason", "user")}
    form["when"] = (query.get("when") or query.get("day") or query.get("month") or "").strip()
    problems: list[str] = []
    day, month = _when(form["when"], problems)
    least, most = (_percent(form[name], problems) for name in ("least", "most"))
    for name, value in (("when", day or month), ("least", least), ("most", most)):
        if value is None:
            form[name] = ""  # the form shows what is in force
    if least is not None and most is not None and least > most:
        least, most = most, least
        form["least"], form["most"] = form["most"], form["least"]
    state = form["state"] or "waiting"
    if state not in STATES:
        problems.append(f"'{state[:40]}' is no state.")
        state = "waiting"
    for name in ("class", "reason", "user"):
        if len(form[name]) > MAX_TEXT or "\x00" in form[name]:
            problems.append(f"The filter '{name}' is too long.")
            form[name] = ""
    form["state"] = state
    made = Filter(
        family=family,
        day=day,
        month=month,
        label=form["class"] or None,
        state=state,
        kind=form["reason"] or None,
        least=least,
        most=most,
        entity=form["user"] or None,
    )
    return Asked(made, form, tuple(problems))


def query_of(asked: Asked) -> str:
    """The filter that is in force as the query of an address, without what is left at its default."""
    form = {**asked.form, "state": "" if asked.form["state"] == "waiting" else asked.form["state"]}
    return urlencode({name: value for name, value in form.items() if value})


def _when(text: str, problems: list[str]) -> tuple[date | None, str | None]:
    if not text:
        return None, None
    if _MONTH.fullmatch(text):
        return None, text
    try:
        return date.fromisoformat(text), None
    except ValueError:
        problems.append(f"'{text[:40]}' is neither a day (2026-11-20) nor a month (2026-11).")
        return None, None


def _percent(text: str, problems: list[str]) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 100:
        problems.append(f"'{text[:40]}' is no confidence from 0 to 100 %.")
        return None
    return value / 100


def encode_place(place: Place) -> str:
    """``place`` as one word for an address."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode_place(text: str) -> Place:
    """The place in the order of the list that ``text`` names.

    Raises:
        InputError: it is none that :func:`encode_place` has made.
    """
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        rank, cluster, number = value
        cluster.encode()  # half of a surrogate pair is text to JSON, and to nobody else
        if "\x00" not in cluster and abs(int(number)) < 2**63:
            return float(rank), cluster, int(number)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    raise InputError("That place in the list cannot be read.", hint="Load the page again.")
