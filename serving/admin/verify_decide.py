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


@dataclass(frozen=True)
class Wanted:
    """What an admin decided; ``label`` is set where it is ``correct``.

    ``confirms``: to accept is to confirm the class that was predicted, so there must be one.
    """

    decision: CandidateDecision
    label: str | None
    by: str
    at: datetime
    confirms: bool = False

    def fits(self, candidate: Candidate) -> bool:
        """Whether it can be decided so about ``candidate``."""
        return not (self.confirms and self.decision == "accept" and candidate.label is None)


@dataclass(frozen=True)
class Step:
    """One step of a decision over a filter: what was decided, what was not, and where the next step begins."""

    outcomes: Sequence[DecisionOutcome]
    after: Place | None


def read_wanted(
    body: Mapping[str, Any], classes: Sequence[str], *, by: str, at: datetime, confirms: bool = False
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
        return Wanted(decision, None, by, at, confirms)
    if label not in classes:
        raise InputError(f"'{str(label)[:80]}' is none of the classes: {', '.join(classes)}.")
    return Wanted("correct", str(label), by, at)


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
        InputError: one is to be confirmed that has no class.
    """
    known = {one.id: one for one in get(engine, [number for number, _ in targets]) if one.family == family}
    if not all(map(wanted.fits, known.values())):
        raise InputError("There is no predicted class to confirm.", hint="Choose the right one.")
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
    """Apply ``wanted`` to the next rows of ``chosen`` that are still open; what has no class is not confirmed.

    Raises:
        InputError: the filter is about rows that are decided already, or the decision is an undo.
    """
    if chosen.state not in OPEN or wanted.decision == "withdraw":
        raise InputError("Only rows that are still open can be decided all at once.")
    rows = page(engine, chosen, after=after, limit=STEP)
    if not rows:
        return Step((), None)
    outcomes = decide_many(
        engine,
        [(row.id, row.revision) for row in rows if wanted.fits(row)],
        wanted.decision,
        by=wanted.by,
        at=wanted.at,
        corrected_label=wanted.label,
    )
    return Step(outcomes, rows[-1].place if len(rows) == STEP else None)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
