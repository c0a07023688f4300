"""Looking at families one after the other, so that the trouble of one stops no other's watch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from config.errors import AssayError
from models.family import get_family
from models.monitoring.contract import Finding
from models.monitoring.sentences import page
from tasks.policy import TRANSIENT

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looks:
    """What was found, and a sentence for each family that broke.

    Attributes:
        judged: (beginning of a finding's subject, family): what was found of these before and is not any more
            has ended.
    """

    found: tuple[Finding, ...] = ()
    judged: frozenset[tuple[str, str]] = frozenset()
    failures: tuple[str, ...] = ()

    def __add__(self, other: Looks) -> Looks:
        return Looks((*self.found, *other.found), self.judged | other.judged, (*self.failures, *other.failures))


def look_at_each(
    families: Collection[str], what: str, begins: Collection[str], look: Callable[[str], Finding | None]
) -> Looks:
    """``look`` at each of ``families``. One that cannot be judged is a finding; one that breaks is a failure.

    Args:
        families: their names.
        what: what is looked at, as in a sentence.
        begins: with which the subjects begin of what ``look`` finds.
        look: (family) -> what is wrong, or None.

    Raises:
        StoreUnavailable, DatabaseUnavailable, RegistryUnavailable: a store is away; a later attempt mends it.
    """
    found: list[Finding] = []
    judged: set[tuple[str, str]] = set()
    failures = []
    for name in families:
        try:
            finding = look(name)
        except TRANSIENT:
            raise
        except AssayError as error:
            _log.error("The %s of %s could not be judged: %s", what, name, error)
            found.append(_unwatched(name, what, error))
            judged.add((_unwatched_subject(what), name))
            continue
        except Exception as error:  # noqa: BLE001 - whatever broke it, the other families are watched
            _log.exception("The %s of %s could not be judged", what, name)
            failures.append(f"The {what} of {name} could not be judged: {type(error).__name__}: {error}")
            continue
        judged.update((each, name) for each in (*begins, _unwatched_subject(what)))
        if finding is not None:
            found.append(finding)
    return Looks(tuple(found), frozenset(judged), tuple(failures))


def _unwatched_subject(what: str) -> str:
    return f"watch over the {what}"


def _unwatched(name: str, what: str, error: AssayError) -> Finding:
    family = get_family(name)
    sentence = f"The {what} of {family.title} cannot be judged, so that nobody watches it: {error.message}"
    return Finding("accuracy", name, _unwatched_subject(what), "warning", sentence, page(family))
