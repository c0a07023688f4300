"""What a process knows of the experiments: read again and again by a thread, so that a decision reads nothing.

Probabilities are computed once a snapshot. A decision is logged with the probability that it was drawn with, so
that it is right however old the snapshot was; whether the experiment still runs, its insert asks the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Engine

from config.errors import AssayError, DatabaseError
from models.experiments.definition import Definition, VariantCounts, parse_definition
from models.experiments.policy import draw, probabilities, shares, uniform_of
from serving.disk_copy import replace_file
from storage.experiment_states import StateRow, bandit_model, states

logger = logging.getLogger(__name__)

#: Of a contextual bandit, in each version.
KNOWN_CONTEXTS = 4096


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant, the probability that it was drawn with, and what the probabilities were made of.

    ``version``: of a contextual bandit its model's; of Thompson sampling the decisions that were counted; of a
    fixed split the experiment's revision.
    """

    variant: str
    propensity: float
    version: int


class SharedBandit:
    """A bandit that is asked by the event loop and closed by the thread that replaces it: one at a time."""

    def __init__(self, definition: Definition, version: int, state: bytes | None) -> None:
        from models.experiments.bandit import Bandit

        self.version = version
        self._lock = threading.Lock()
        self._known: dict[tuple[tuple[str, Any], ...], np.ndarray] = {}
        self._definition, self._state = definition, state
        self._bandit: Bandit | None = Bandit(definition, state)

    def probabilities(self, context: Mapping[str, Any]) -> np.ndarray:
        """(k,) probability of each variant; contexts come again, and one version answers them alike."""
        key = tuple(context.items())
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= KNOWN_CONTEXTS:
                self._known.clear()
            known = self._known[key] = self._ask(context)
        return known

    def _ask(self, context: Mapping[str, Any]) -> np.ndarray:
        from models.experiments.bandit import Bandit

        with self._lock:
            if self._bandit is None:  # a request held it while it was replaced
                with Bandit(self._definition, self._state) as again:
                    return again.probabilities(context)
            return self._bandit.probabilities(context)

    def close(self) -> None:
        """Give its memory back."""
        with self._lock:
            if self._bandit is not None:
                self._bandit.close()
                self._bandit = None


@dataclass(frozen=True)
class LiveExperiment:
    """An experiment as this process knows it; ``chances`` are None unless it runs, and for a contextual one."""

    definition: Definition
    state: str
    revision: int
    winner: str | None
    counts: tuple[tuple[int, int, float, float], ...] | None = None
    chances: np.ndarray | None = None
    version: int = 0
    bandit: SharedBandit | None = None

    @property
    def shown(self) -> str:
        """The variant of those who do not take part: the winner once there is one, else the control."""
        return self.winner or self.definition.control_name

    def takes_part(self, subject: str | None, uniform: float) -> bool:
        """Whether a subject is in the share of traffic that takes part: by its own number, so it stays there.

        Args:
            subject: None for somebody unknown.
            uniform: a number in [0, 1) for somebody unknown.
        """
        share = self.definition.traffic
        if share >= 1.0:
            return True
        return (uniform if subject is None else uniform_of(self.definition, subject, "traffic")) < share

    def choose(self, subject: str | None, context: Mapping[str, Any], uniform: float) -> Choice:
        """Draw a variant.

        Args:
            subject: under a sticky fixed split its own number is drawn with, so that it gets the same variant
                whatever is lost.
            context: as models.experiments.context.check_context gives it.
            uniform: a number in [0, 1) to draw with.
        """
        definition = self.definition
        chances, version = self.chances, self.version
        if self.bandit is not None:
            chances, version = self.bandit.probabilities(context), self.bandit.version
        if chances is None:
            raise RuntimeError(f"experiment {definition.id} does not run")
        if definition.policy.kind == "fixed" and definition.sticky and subject is not None:
            uniform = uniform_of(definition, subject, "variant")
        place = draw(chances, uniform)
        return Choice(definition.names[place], float(chances[place]), version)


def variant_counts(
    definition: Definition, counts: tuple[tuple[int, int, float, float], ...]
) -> list[VariantCounts]:
    """What posteriors are made of, out of (decisions, rewarded, reward_sum, reward_squares) of each variant.

    Where a missing reward means zero, each decision without one adds a trial that earned zero, scaled.
    """
    silent = definition.reward.missing == "zero"
    zero = definition.reward.scaled(0.0)
    found = []
    for name, (decisions, rewarded, total, squares) in zip(definition.names, counts, strict=True):
        missing = decisions - rewarded if silent else 0
        found.append(
            VariantCounts(name, rewarded + missing, total + missing * zero, squares + missing * zero * zero)
        )
    return found


class Snapshots:
    """The experiments of the database, by id. ``current`` is replaced as a whole and never changed.

    ``unusable`` are those that are there and cannot be read, such as one of a later version of this software.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._begun = 0
        #: what was logged already of those that cannot be used: (experiment, revision or version of its model)
        self._said: set[tuple[str, int]] = set()
        self.current: Mapping[str, LiveExperiment] = {}
        self.unusable: frozenset[str] = frozenset()

    def get(self, experiment_id: str) -> LiveExperiment | None:
        """What is known of it now."""
        return self.current.get(experiment_id)

    def look_up(self, experiment_id: str) -> LiveExperiment | None:
        """Read again, then what is known: it may have been created a moment ago. Waits for the database.

        Those who ask at once share one reading that began after they asked.

        Raises:
            DatabaseUnavailable: it is away.
        """
        wanted = self._begun + 1
        with self._lock:
            if self._begun < wanted:
                self._read()
        return self.current.get(experiment_id)

    def refresh(self) -> None:
        """Read again. Raises DatabaseUnavailable."""
        with self._lock:
            self._read()

    def save(self, path: Path) -> None:
        """Keep the definitions and states, for a start while the database is away."""
        kept = [
            {"definition": live.definition.as_dict(), "state": live.state, "revision": live.revision,
             "winner": live.winner}
            for live in self.current.values()
        ]  # fmt: skip
        replace_file(path, orjson.dumps(kept))

    def load(self, path: Path) -> None:
        """Take what :meth:`save` kept, if that can be read. Counts are not kept: nothing is decided by them."""
        try:
            kept = orjson.loads(path.read_bytes())
            self.current = {each["definition"]["id"]: _from_disk(each) for each in kept}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AssayError) as error:
            logger.warning("the experiments kept in %s cannot be used: %s", path, error)

    def _read(self) -> None:
        self._begun += 1
        before = self.current
        rows = states(self._engine, {name: live.revision for name, live in before.items()})
        current, closed, unusable = {}, [], set()
        for row in rows:
            try:
                current[row.id] = self._renewed(row, before.get(row.id))
            except DatabaseError:
                raise
            except Exception:  # noqa: BLE001 - one that cannot be used is told, and takes no other with it
                unusable.add(row.id)
                self._say_once("experiment %s cannot be used", row.id, row.revision)
        self.current, self.unusable = current, frozenset(unusable)
        for name, live in before.items():
            if live.bandit is not None and (name not in current or current[name].bandit is not live.bandit):
                closed.append(live.bandit)
        for bandit in closed:
            bandit.close()

    def _renewed(self, row: StateRow, before: LiveExperiment | None) -> LiveExperiment:
        if row.definition is None and before is not None:
            definition = before.definition
        else:
            definition = parse_definition(row.definition or {})
        if row.state != "running" or row.counts is None:
            return LiveExperiment(definition, row.state, row.revision, row.winner)
        if definition.policy.kind == "contextual":
            base = LiveExperiment(definition, row.state, row.revision, row.winner, row.counts)
            return self._contextual(base, row.model_version, before)
        fresh = before is None or before.revision != row.revision or before.chances is None
        if (
            not fresh
            and before is not None
            and (before.counts == row.counts or definition.policy.kind == "fixed")
        ):
            return before
        thompson = definition.policy.kind == "thompson"
        return LiveExperiment(
            definition,
            row.state,
            row.revision,
            row.winner,
            row.counts,
            probabilities(definition, variant_counts(definition, row.counts)),
            sum(counts[0] for counts in row.counts) if thompson else row.revision,
        )

    def _contextual(self, live: LiveExperiment, version: int, before: LiveExperiment | None) -> LiveExperiment:
        """With its bandit; where that is broken, with the one before, or with equal chances: it goes on."""
        known = before.bandit if before is not None else None
        if known is not None and known.version == version:
            return replace(live, bandit=known)
        definition = live.definition
        try:
            found = bandit_model(self._engine, definition.id) if version else None
            return replace(live, bandit=SharedBandit(definition, *(found or (0, None))))
        except DatabaseError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with it, there is something to show
            self._say_once("the bandit of experiment %s cannot be used", definition.id, version)
        if known is not None:
            return replace(live, bandit=known)
        return replace(live, chances=np.full(len(definition.names), 1 / len(definition.names)))

    def _say_once(self, sentence: str, experiment_id: str, version: int) -> None:
        """Log what is being raised; the database is read twice a second, and would say it each time."""
        if (experiment_id, version) not in self._said:
            self._said.add((experiment_id, version))
            logger.exception(sentence, experiment_id)


def _from_disk(kept: Mapping[str, Any]) -> LiveExperiment:
    """As nothing is known of its counts, no variant is preferred; the revision makes it be read again."""
    definition = parse_definition(kept["definition"])
    return LiveExperiment(definition, kept["state"], -1, kept["winner"], chances=shares(definition), version=0)
