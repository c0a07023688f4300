"""Decisions that arrive from the verify page: read, applied, and told apart from conflicts.

Every decision names the revision of the candidate that its admin saw. One that has changed since is left as it
is, and comes back with who decided what: two admins never overwrite one another. A decision that is sent twice,
because the answer to the first was lost on the way, counts once and is no conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from config.errors import InputError
from serving.admin.verify_filter import Place
from storage.candidates import Candidate, CandidateDecision, DecisionOutcome, Filter, decide_many, get, page

DECISIONS: tuple[CandidateDecision, ...] = ("accept", "correct", "reject", "skip", "withdraw")
#: Most candidates that one request decides by their ids.
MOST = 1000
#: A decision over a whole filter goes in steps of this many rows, so that it can be watched and stopped.
STEP = 1000
#: States that a decision over a whole filter may begin from.
OPEN = ("waiting", "aside", "skip")
NO_PICTURE = "There is no picture that can be opened: nothing can be learned from it."
NO_CLASS = "There is no predicted class to confirm."
_WAY_OUT = {NO_PICTURE: "Reject it, or skip it.", NO_CLASS: "Choose the right one."}


@dataclass(frozen=True)
class Wanted:
    """What an admin decided; ``label`` is set where it is ``correct``.

    ``confirms``: to accept is to confirm the class that was predicted, so there must be one. ``pictures``: what
    is confirmed or corrected teaches as a picture, so there must be one that can be opened.
    """

    decision: CandidateDecision
    label: str | None
    by: str
    at: datetime
    confirms: bool = False
    pictures: bool = False

    def obstacle(self, candidate: Candidate) -> str | None:
        """Why it cannot be decided so about ``candidate``; None where it can."""
        if self.pictures and self.decision in ("accept", "correct") and not has_picture(candidate):
            return NO_PICTURE
        if self.confirms and self.decision == "accept" and candidate.label is None:
            return NO_CLASS
        return None

    def fits(self, candidate: Candidate) -> bool:
        """Whether it can be decided so about ``candidate``."""
        return self.obstacle(candidate) is None


@dataclass(frozen=True)
class Step:
    """One step of a decision over a filter: what was decided, what was not, and where the next step begins.

    ``unfit`` rows have no picture or no class, so that they cannot be decided so; they are left as they were.
    """

    outcomes: Sequence[DecisionOutcome]
    after: Place | None
    unfit: int = 0


def read_wanted(
    body: Mapping[str, Any],
    classes: Sequence[str],
    *,
    by: str,
    at: datetime,
    confirms: bool = False,
    pictures: bool = False,
) -> Wanted:
    """The decision that a request names.

    Raises:
        InputError: it is none, or its label is none of the family's.
    """
    named, label = body.get("decision"), body.get("label")
    decision = next((one for one in DECISIONS if one == named), None)
    if decision is None:
        raise InputError(f"A decision is one of {', '.join(DECISIONS)}.")
    if decision != "correct":
        return Wanted(decision, None, by, at, confirms, pictures)
    if label not in classes:
        raise InputError(f"'{str(label)[:80]}' is none of the classes: {', '.join(classes)}.")
    return Wanted("correct", str(label), by, at, confirms, pictures)


def read_targets(body: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(id, revision) of each candidate that a request decides about, each once.

    Raises:
        InputError: the list is malformed, empty, or too long.
    """
    targets = body.get("candidates")
    if not isinstance(targets, list) or not 1 <= len(targets) <= MOST:
        raise InputError(f"'candidates' is a list of 1 to {MOST:,} pairs of id and revision.")
    found: dict[int, int] = {}
    for pair in targets:
        if not (isinstance(pair, list) and len(pair) == 2 and all(_whole(number) for number in pair)):
            raise InputError("Each of 'candidates' is a pair of whole numbers: id and revision.")
        found[pair[0]] = pair[1]
    return list(found.items())


def decide(
    engine: Engine, family: str, targets: Sequence[tuple[int, int]], wanted: Wanted
) -> list[DecisionOutcome]:
    """Apply ``wanted`` to ``targets``; one outcome for each that exists in ``family``, in their order.

    Raises:
        InputError: one is to be confirmed that has no class, or is to teach and has no picture.
    """
    known = {one.id: one for one in get(engine, [number for number, _ in targets]) if one.family == family}
    obstacle = next(filter(None, map(wanted.obstacle, known.values())), None)
    if obstacle is not None:
        raise InputError(obstacle, hint=_WAY_OUT[obstacle])
    mine = [target for target in targets if target[0] in known]
    if not mine:
        return []
    outcomes = decide_many(
        engine, mine, wanted.decision, by=wanted.by, at=wanted.at, corrected_label=wanted.label
    )
    seen = dict(mine)
    return [
        replace(one, decided=True)
        if not one.decided and is_repeat(one.candidate, seen[one.id], wanted)
        else one
        for one in outcomes
    ]


def is_repeat(now: Candidate | None, revision: int, wanted: Wanted) -> bool:
    """Whether a refused decision is one that had been applied already: the same, by the same, one step on."""
    if now is None or now.revision != revision + 1:
        return False
    if wanted.decision == "withdraw":
        return now.state in ("waiting", "aside")
    return (now.state, now.corrected_label, now.decided_by) == (wanted.decision, wanted.label, wanted.by)


def decide_step(engine: Engine, chosen: Filter, wanted: Wanted, after: Place | None) -> Step:
    """Apply ``wanted`` to the next rows of ``chosen`` that are still open, but for those that do not fit.

    Raises:
        InputError: the filter is about rows that are decided already, or the decision is an undo.
    """
    if chosen.state not in OPEN or wanted.decision == "withdraw":
        raise InputError("Only rows that are still open can be decided all at once.")
    rows = page(engine, chosen, after=after, limit=STEP)
    if not rows:
        return Step((), None)
    fitting = [(row.id, row.revision) for row in rows if wanted.fits(row)]
    outcomes = decide_many(
        engine,
        fitting,
        wanted.decision,
        by=wanted.by,
        at=wanted.at,
        corrected_label=wanted.label,
    )
    return Step(outcomes, rows[-1].place if len(rows) == STEP else None, len(rows) - len(fitting))


def has_picture(candidate: Candidate) -> bool:
    """Whether its picture could be opened when it was collected: one that could has a width."""
    return candidate.values.get("width") is not None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
