"""``POST /experiments/{id}/reward``: what came of decisions, one or many in a call."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Engine

from config.errors import DatabaseUnavailable, PlatformError
from models.experiments.definition import Definition
from serving.experiments.decide import Finder
from serving.experiments.figures import ExperimentFigures
from serving.experiments.schema import RewardRequest
from serving.experiments.snapshot import LiveExperiment, Snapshots
from serving.experiments.writer import GroupWriter
from serving.http import Request, Response
from serving.inbox import Inbox
from serving.problems import FieldError, Problem, invalid_fields
from serving.validation import BodyValidator
from storage.experiment_decisions import NewReward, RewardOutcome, record_rewards

logger = logging.getLogger(__name__)

#: Clocks of backends differ.
CLOCK_SLACK = timedelta(hours=1)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: A reward may come about so long before its decision by the clock of a backend; it counts as of the decision.
BEFORE_SLACK = timedelta(minutes=5)
_LAST_MILLISECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)
_FIELDS = ("decision_id", "value", "metrics", "at")


class RewardApi:
    """Rewards: checked by the experiment's definition, committed in groups, kept on disk without a database."""

    def __init__(
        self,
        snapshots: Snapshots,
        writer: GroupWriter[NewReward, RewardOutcome],
        inbox: Inbox,
        figures: ExperimentFigures,
        max_body_bytes: int,
    ) -> None:
        self._find = Finder(snapshots).find
        self._writer = writer
        self._inbox = inbox
        self._figures = figures
        self._limit = max_body_bytes
        self._validator = BodyValidator(RewardRequest, [*_FIELDS, "rewards"])

    async def reward(self, request: Request) -> Response:
        """Answer once the rewards are on record, or (202) on disk."""
        asked = self._validator.parse(await request.json_body(self._limit))
        many = _check_form(asked)
        live = await self._find(request)
        rows = _rows(live.definition, asked["rewards"] if many else [asked], datetime.now(UTC), many=many)
        try:
            outcomes = await self._writer.write(rows)
        except DatabaseUnavailable:
            self._inbox.keep([_line(row) for row in rows])
            self._figures.count("rewards", live.definition.id, "accepted", len(rows))
            results = [_result(row.decision_id, "accepted", None, None) for row in rows]
            return _answer(results, many=many, status=202)
        count_outcomes(self._figures, live.definition.id, outcomes)
        results = [
            _result(row.decision_id, outcome.status, outcome.variant, outcome.value)
            for row, outcome in zip(rows, outcomes, strict=True)
        ]
        if not many:
            _check_single(live, results[0])
        return _answer(results, many=many, status=200)


def take_rewards(engine: Engine, snapshots: Snapshots, figures: ExperimentFigures) -> Callable[..., int]:
    """The function that brings rewards from disk to the database.

    What cannot be used, such as the reward of an unknown decision, is counted and logged: nobody waits for an
    answer any more. Rewards of an experiment that this process cannot read stay on disk.
    """

    def take(lines: list[dict[str, Any]]) -> int:
        snapshots.refresh()
        if unread := snapshots.unusable.intersection(str(line["experiment_id"]) for line in lines):
            raise PlatformError(f"This service cannot read experiment {min(unread)}: see its log.")
        by_experiment: dict[str, list[NewReward]] = {}
        for line in lines:
            live = snapshots.get(str(line["experiment_id"]))
            if live is not None:
                by_experiment.setdefault(live.definition.id, []).append(_row_of(live.definition, line))
        rows = [row for group in by_experiment.values() for row in group]
        outcomes = iter(record_rewards(engine, rows))
        for name, group in by_experiment.items():
            statuses = count_outcomes(figures, name, [next(outcomes) for _ in group])
            if unused := {key: statuses[key] for key in ("conflict", "unknown") if statuses[key]}:
                logger.warning("rewards of experiment %s that waited on disk were not taken: %s", name, unused)
        if len(rows) < len(lines):
            logger.warning("%d rewards that waited on disk are of no experiment", len(lines) - len(rows))
        return len(rows)

    return take


def count_outcomes(
    figures: ExperimentFigures, experiment: str, outcomes: Sequence[RewardOutcome]
) -> Counter[str]:
    """Count them by status, and say how many there were of each."""
    statuses = Counter[str](outcome.status for outcome in outcomes)
    for status, number in statuses.items():
        figures.count("rewards", experiment, status, number)
    return statuses


def _check_form(asked: Mapping[str, Any]) -> bool:
    """Whether there are many rewards. Raises Problem where the body is neither form, or both."""
    if "rewards" in asked:
        if beside := [name for name in _FIELDS if name in asked]:
            message = "Send either one reward (decision_id, value) or many (rewards), not both."
            raise invalid_fields([FieldError(name, message) for name in beside])
        return True
    missing = [name for name in ("decision_id", "value") if name not in asked]
    if missing:
        raise invalid_fields([FieldError(name, f"{name} is required.") for name in missing])
    return False


def _rows(
    definition: Definition, items: Sequence[Mapping[str, Any]], now: datetime, *, many: bool
) -> list[NewReward]:
    """Rewards as they are recorded. Raises Problem: 422 naming each value that cannot be."""
    faults: list[FieldError] = []
    rows = []
    for place, item in enumerate(items):
        found = _faults(definition, item, now, f"rewards[{place}]." if many else "")
        faults += found
        if not found:
            rows.append(
                _row(
                    definition,
                    str(item["decision_id"]),
                    float(item["value"]),
                    min(item.get("at") or now, now),
                    item.get("metrics"),
                )
            )
    if faults:
        raise invalid_fields(faults)
    return rows


def _faults(definition: Definition, item: Mapping[str, Any], now: datetime, path: str) -> list[FieldError]:
    reward, value = definition.reward, item["value"]
    faults = []
    if reward.kind == "binary" and value not in (0, 1):
        faults.append(FieldError(f"{path}value", f"{path}value must be 0 or 1: the reward is binary."))
    elif not reward.low <= value <= reward.high:
        bounds = f"from {reward.low:g} to {reward.high:g}"
        faults.append(FieldError(f"{path}value", f"{path}value must lie {bounds}, not at {value:g}."))
    rails = {rail.metric: rail for rail in definition.guardrails}
    for name, number in (item.get("metrics") or {}).items():
        rail, where = rails.get(name), f"{path}metrics.{name[:64]}"
        if rail is None:
            known = ", ".join(rails) or "none"
            faults.append(
                FieldError(where, f"{where} is no guard-rail of this experiment; there are: {known}.")
            )
        elif not rail.low <= number <= rail.high:
            sentence = f"{where} must lie from {rail.low:g} to {rail.high:g}, not at {number:g}."
            faults.append(FieldError(where, sentence))
    at = item.get("at")
    if at is not None and not EARLIEST <= at <= now + CLOCK_SLACK:
        faults.append(
            FieldError(f"{path}at", f"{path}at must not lie in the future: it is when it came about.")
        )
    elif at is not None and (made := _made_at(item["decision_id"])) and at < made - BEFORE_SLACK:
        said = f"{path}at lies before its decision, which was made at {made:%Y-%m-%dT%H:%M:%SZ}."
        faults.append(FieldError(f"{path}at", said))
    return faults


def _made_at(decision: UUID) -> datetime | None:
    """When a decision was made, by the time that its id begins with (version 7); of other ids nobody knows."""
    if decision.version != 7:
        return None
    milliseconds = decision.int >> 80
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds < _LAST_MILLISECOND else None


def _row(
    definition: Definition,
    decision: str,
    value: float,
    at: datetime,
    metrics: Mapping[str, float] | None,
) -> NewReward:
    reward = definition.reward
    window = reward.window_hours * 3600
    return NewReward(decision, definition.id, value, reward.scaled(value), at, window, metrics)


def _line(row: NewReward) -> dict[str, Any]:
    return {
        "decision_id": row.decision_id,
        "experiment_id": row.experiment_id,
        "value": row.value,
        "at": row.at,
        "metrics": row.metrics,
    }


def _row_of(definition: Definition, line: Mapping[str, Any]) -> NewReward:
    at = datetime.fromisoformat(line["at"])
    return _row(definition, line["decision_id"], float(line["value"]), at, line["metrics"])


def _result(decision: str, status: str, variant: str | None, value: float | None) -> dict[str, Any]:
    return {
        "decision_id": decision,
        "status": status,
        "counted": status == "counted",
        "variant": variant,
        "value": value,
    }


def _check_single(live: LiveExperiment, result: Mapping[str, Any]) -> None:
    name = live.definition.id
    if result["status"] == "unknown":
        raise Problem(404, f"Experiment '{name}' has no decision {result['decision_id']}.")
    if result["status"] == "conflict":
        raise Problem(
            409,
            f"Decision {result['decision_id']} has the reward {result['value']:g} already, which stands.",
        )


def _answer(results: list[dict[str, Any]], *, many: bool, status: int) -> Response:
    if not many:
        return Response(orjson.dumps(results[0]), status)
    counted = sum(result["counted"] for result in results)
    return Response(orjson.dumps({"results": results, "counted": counted}), status)
