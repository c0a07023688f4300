"""What a person does with experiments, the same for the API, the admin pages and the command line.

It joins the rules of a definition and the statistics (models) with what is on record (storage).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from config.errors import InputError
from models.experiments.definition import Definition, VariantTally, parse_definition
from storage import experiments as records
from storage.experiments import Change, ExperimentRecord

LONGEST_REASON = 1000


class ExperimentDesk:
    """Experiments as a person handles them.

    Args:
        engine: the platform's database.
        clock: tells the time, in UTC.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine, self._clock = engine, clock

    def create(self, value: Any, actor: str) -> ExperimentRecord:
        """Keep a new draft.

        Raises:
            InputError: the definition is not usable: what is wrong, naming each field.
            ExperimentConflict: the id is taken.
        """
        definition = read_definition(value)
        return records.create(self._engine, definition.as_dict(), actor=actor, at=self._clock())

    def edit(
        self,
        experiment_id: str,
        value: Any,
        actor: str,
        *,
        reason: str | None = None,
        revision: int | None = None,
    ) -> ExperimentRecord:
        """Replace a draft's definition; ``revision`` is the one that it was changed from.

        Raises:
            InputError: the definition is not usable, or of another id.
            ExperimentNotFound: there is none of that id.
            ExperimentConflict: it is a draft no longer, or somebody else changed it since ``revision``.
        """
        definition = read_definition(value)
        return records.edit(
            self._engine, experiment_id, definition.as_dict(), actor=actor, at=self._clock(), revision=revision,
            reason=clean_reason(reason),
        )  # fmt: skip

    def start(
        self, experiment_id: str, actor: str, reason: str | None = None, *, revision: int | None = None
    ) -> ExperimentRecord:
        """Let a draft decide. Raises ExperimentNotFound, ExperimentConflict."""
        return self._move(experiment_id, "start", actor, reason, revision=revision)

    def pause(
        self, experiment_id: str, actor: str, reason: str | None = None, *, revision: int | None = None
    ) -> ExperimentRecord:
        """Stop deciding for now; rewards still arrive. Raises ExperimentNotFound, ExperimentConflict."""
        return self._move(experiment_id, "pause", actor, reason, revision=revision)

    def resume(
        self, experiment_id: str, actor: str, reason: str | None = None, *, revision: int | None = None
    ) -> ExperimentRecord:
        """Decide again. Raises ExperimentNotFound, ExperimentConflict."""
        return self._move(experiment_id, "resume", actor, reason, revision=revision)

    def conclude(
        self,
        experiment_id: str,
        winner: str | None,
        actor: str,
        reason: str | None = None,
        *,
        revision: int | None = None,
    ) -> ExperimentRecord:
        """End it: everybody gets ``winner`` from now on, or the control where there is none.

        The figures of that moment are kept with the change.

        Raises:
            InputError: the winner is no variant, or there is neither winner nor reason.
            ExperimentNotFound: there is none of that id.
            ExperimentConflict: it has ended already, or somebody else changed it since ``revision``.
        """
        figures = _kept(self.stats(experiment_id))
        return self._move(
            experiment_id, "conclude", actor, reason, winner=winner or None, details={"figures": figures},
            revision=revision,
        )  # fmt: skip

    def get(self, experiment_id: str) -> ExperimentRecord:
        """The experiment. Raises ExperimentNotFound."""
        return records.get(self._engine, experiment_id)

    def every(self) -> list[ExperimentRecord]:
        """All experiments: running ones first, then the newest first."""
        return records.every(self._engine)

    def changes(self, experiment_id: str) -> list[Change]:
        """What was done to it, the newest first. Raises ExperimentNotFound."""
        return records.changes(self._engine, experiment_id)

    def stats(self, experiment_id: str, now: datetime | None = None) -> dict[str, Any]:
        """The report (models/experiments/report.py) with the experiment's state.

        ``metrics`` has count and mean of each guard-rail's metric for each variant, in its own units, and
        ``believed`` the posterior of each variant's mean (``kind`` and two parameters, on the scale 0..1).

        Raises:
            ExperimentNotFound: there is none of that id.
        """
        from models.experiments.report import report
        from storage.experiment_log import tallies

        record, now = self.get(experiment_id), now or self._clock()
        definition = parse_definition(record.definition)
        # A concluded experiment collects no further days; rewards of its decisions count within their window.
        until = record.concluded_at or now
        rows = [VariantTally(**row) for row in tallies(self._engine, experiment_id, now)]
        figures = report(
            definition, rows, started_at=record.started_at, now=until, ended=bool(record.concluded_at)
        )
        return {
            **_summary(record), "at": now, **figures, "as_of": now.isoformat(), **_ended(record, definition),
            "metrics": _metrics(definition, rows), "believed": _believed(definition, rows),
        }  # fmt: skip

    def off_policy(self, experiment_id: str) -> dict[str, Any]:
        """What other policies would have earned, from the logged propensities. Raises ExperimentNotFound."""
        from models.experiments.off_policy import off_policy_report
        from storage.experiment_log import decision_log

        record = self.get(experiment_id)
        log = decision_log(self._engine, experiment_id)
        return {"id": record.id, **off_policy_report(parse_definition(record.definition), log)}

    def timeline(self, experiment_id: str) -> list[dict[str, Any]]:
        """Decisions and rewards of each variant up to each of some moments. Raises ExperimentNotFound."""
        from storage.experiment_log import timeline

        self.get(experiment_id)
        return [dict(point) for point in timeline(self._engine, experiment_id)]

    def _move(
        self, experiment_id: str, action: records.Action, actor: str, reason: str | None, **rest: Any
    ) -> ExperimentRecord:
        return records.change_state(
            self._engine,
            experiment_id,
            action,
            actor=actor,
            at=self._clock(),
            reason=clean_reason(reason),
            **rest,
        )


def read_definition(value: Any) -> Definition:
    """A definition that can be kept. Raises InputError: what is wrong, naming each field."""
    if not isinstance(value, Mapping):
        raise InputError(
            "An experiment is defined by an object of fields.", hint="docs/guides/experiments.md lists them."
        )
    if strange := _unprintable(value):
        raise InputError(f"The experiment's definition holds a text that cannot be kept: {strange[:80]!r}.")
    return parse_definition(value)


def clean_reason(reason: str | None) -> str | None:
    """``reason`` without blanks around it. Raises InputError where it is too long or no text."""
    text = (reason or "").strip()
    if len(text) > LONGEST_REASON:
        raise InputError(f"The reason has more than {LONGEST_REASON} characters.")
    if _unprintable(text):
        raise InputError("The reason holds a character that cannot be kept.")
    return text or None


def _unprintable(value: Any) -> str | None:
    """A text in ``value`` that PostgreSQL does not take: with a NUL, or half of a surrogate pair."""
    if isinstance(value, str):
        return value if any(one == "\0" or "\ud800" <= one <= "\udfff" for one in value) else None
    if isinstance(value, Mapping):
        return next(filter(None, (_unprintable(one) for pair in value.items() for one in pair)), None)
    if isinstance(value, list | tuple):
        return next(filter(None, map(_unprintable, value)), None)
    return None


def _summary(record: ExperimentRecord) -> dict[str, Any]:
    return {
        "id": record.id, "title": record.title, "state": record.state, "revision": record.revision,
        "winner": record.winner, "started_at": record.started_at, "concluded_at": record.concluded_at,
    }  # fmt: skip


def _ended(record: ExperimentRecord, definition: Definition) -> dict[str, Any]:
    """What takes the place of advice once nothing is left to decide."""
    if record.state != "concluded":
        return {}
    gets = f"the winner, {record.winner}" if record.winner else f"the control, {definition.control_name}"
    return {"recommendation": f"It is concluded: everybody gets {gets}.", "days_needed": None}


def _metrics(definition: Definition, rows: Sequence[VariantTally]) -> list[dict[str, Any]]:
    made = []
    for rail in definition.guardrails:
        for row in rows:
            count, total, _ = row.metrics.get(rail.metric, (0, 0.0, 0.0))
            mean = total / count if count else None
            made.append({"metric": rail.metric, "variant": row.variant, "count": count, "mean": mean})
    return made


def _believed(definition: Definition, rows: Sequence[VariantTally]) -> dict[str, Any]:
    from models.experiments.effects import means
    from models.experiments.posterior import posteriors
    from models.experiments.report import posterior_counts

    found, _ = means(definition, rows)
    made = posteriors(definition, posterior_counts(definition, rows, found))
    return {"kind": made.kind, "params": made.params.tolist()}


def _kept(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that go on record with the conclusion."""
    names = ("at", "decisions", "rewarded", "variants", "effects", "sample_ratio", "recommendation", "warnings")
    return {name: stats[name] for name in names if name in stats}
