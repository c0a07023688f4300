"""What is typed and chosen on the pages of recommendation, checked; what a flag's change means, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from starlette.datastructures import FormData, QueryParams

from config.errors import InputError
from config.flags import FlagState

#: The windows of trending, the shortest first.
WINDOWS: Mapping[str, str] = {
    "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days",
}  # fmt: skip
KINDS: Mapping[str, str] = {"video": "Videos", "post": "Posts", "user": "Users"}
LONGEST_ID, LONGEST_WORD = 256, 100


@dataclass(frozen=True)
class TrendFilter:
    """Which trends are shown; an empty text is any."""

    window: str = "24h"
    kind: str = ""
    category: str = ""
    language: str = ""
    region: str = ""

    @property
    def given(self) -> dict[str, str]:
        """What is not any, by name, but for the window: the rest of a link to another one."""
        named = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "window"}
        return {name: value for name, value in named.items() if value}


def trend_filter(query: QueryParams) -> TrendFilter:
    """The filter of a page's address.

    Raises:
        InputError: a value can be none of those that are looked for.
    """
    given = {one.name: query.get(one.name, "").strip() for one in fields(TrendFilter)}
    given["window"] = given["window"] or "24h"
    if given["window"] not in WINDOWS:
        raise InputError(f"There is no such window. Windows: {', '.join(WINDOWS)}.")
    if given["kind"] not in ("", *KINDS):
        raise InputError(f"There is no such kind of item. Kinds: {', '.join(KINDS)}.")
    for name in ("category", "language", "region"):
        _check_text(given[name], name, LONGEST_WORD)
    return TrendFilter(**given)


def user_of(query: QueryParams) -> str:
    """The user id of a page's address, empty where nobody is looked for.

    Raises:
        InputError: it can be nobody's.
    """
    return _check_text(query.get("user", "").strip(), "user id", LONGEST_ID)


def _check_text(text: str, what: str, longest: int) -> str:
    if len(text) > longest:
        raise InputError(f"A {what} has at most {longest} characters.")
    if not text.isprintable():
        raise InputError(f"That is no {what}: it holds a character that none has.")
    return text


@dataclass(frozen=True)
class FlagForm:
    """A change of a flag as it was sent; ``confirmed`` where its meaning was shown and agreed to."""

    enabled: bool
    rollout: str
    reason: str
    revision: str
    confirmed: bool

    @property
    def state(self) -> FlagState:
        """The state that it asks for. Raises InputError where the percentage is none."""
        return FlagState(self.enabled, _whole(self.rollout, 100, "The roll-out is a whole number of percent."))

    @property
    def seen(self) -> int:
        """The revision that it was made from. Raises InputError."""
        said = "The form does not say which revision it was made from. Reload the page."
        return _whole(self.revision, 10**9, said)


def flag_form(form: FormData) -> FlagForm:
    """The form as it was sent."""

    def text(name: str) -> str:
        value = form.get(name)
        return value.strip() if isinstance(value, str) else ""

    return FlagForm(
        text("state") == "on", text("rollout"), text("reason"), text("revision"), text("confirmed") == "yes"
    )


def _whole(text: str, most: int, otherwise: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= most):
        raise InputError(f"{otherwise} It goes from 0 to {most}." if most == 100 else otherwise)
    return int(text)


def about(state: FlagState) -> str:
    """For whom it is on: ``about 25 of 100 users``."""
    return {0: "nobody", 100: "everybody"}.get(state.share, f"about {state.share} of 100 users")


def meaning(before: FlagState, after: FlagState) -> str:
    """What a change does to users, in a sentence."""
    gain = after.share - before.share
    if gain == 0:
        return "Nothing changes for users now."
    if after.share in (0, 100):
        return "It is on for everybody." if gain > 0 else "It is on for nobody."
    if gain > 0:
        return f"About {gain} more of 100 users get it; whoever has it keeps it."
    return f"About {-gain} of 100 users lose it; the other {after.share} keep it."
