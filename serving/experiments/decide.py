"""``POST /experiments/{id}/select``: a variant, drawn from what is in memory, answered once it is on record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from config.errors import DatabaseError, DatabaseUnavailable, InputError
from models.experiments.context import check_context
from serving.experiments.figures import ExperimentFigures
from serving.experiments.schema import SelectRequest
from serving.experiments.snapshot import LiveExperiment, Snapshots
from serving.experiments.writer import GroupWriter
from serving.http import Request, Response
from serving.problems import Problem
from serving.recorder import new_identities
from serving.validation import BodyValidator
from storage.experiment_decisions import NewDecision, Recorded

logger = logging.getLogger(__name__)

RETRY_AFTER = ((b"retry-after", b"2"),)


class Finder:
    """Experiments by the id in a path; one that is not in memory is looked for in the database."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def find(self, request: Request) -> LiveExperiment:
        """The experiment asked for.

        Raises:
            Problem: 404 where there is none, 503 where that cannot be known now.
        """
        name = request.parameters["id"]
        live = self._snapshots.get(name)
        if live is None:
            try:
                live = await asyncio.to_thread(self._snapshots.look_up, name)
            except DatabaseError:
                raise Problem(
                    503,
                    "The database is away and this service has not seen the experiment yet; ask again later.",
                    headers=RETRY_AFTER,
                ) from None
        if live is None and name in self._snapshots.unusable:
            raise Problem(503, "This service cannot read that experiment; see its log.", headers=RETRY_AFTER)
        if live is None:
            raise Problem(404, f"There is no experiment '{name[:100]}'.")
        return live


class DecideApi:
    """The hot path of experiments.

    Args:
        uniform: gives numbers in [0, 1) to draw with.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        writer: GroupWriter[NewDecision, Recorded],
        figures: ExperimentFigures,
        uniform: Callable[[], float],
        max_body_bytes: int,
    ) -> None:
        self._find = Finder(snapshots).find
        self._snapshots = snapshots
        self._writer = writer
        self._figures = figures
        self._uniform = uniform
        self._limit = max_body_bytes
        self._validator = BodyValidator(SelectRequest, list(SelectRequest.__annotations__))
        self._complained = 0.0

    async def select(self, request: Request) -> Response:
        """Answer with a variant; never fails for want of a database: the control is always an answer."""
        body = await request.json_body(self._limit)
        asked = self._validator.parse(body) if body else {}
        live = await self._find(request)
        try:
            context = check_context(live.definition, asked.get("context"))
        except InputError as error:
            raise Problem(422, str(error)) from None
        if live.state != "running":
            return self._apart(live, live.state)
        subject = asked.get("subject_id")
        if not live.takes_part(subject, self._uniform()):
            return self._apart(live, "traffic")
        choice = live.choose(subject, context, self._uniform())
        definition = live.definition
        row = NewDecision(
            new_identities(1)[0],
            definition.id,
            choice.variant,
            subject,
            definition.sticky and subject is not None,
            datetime.now(UTC),
            choice.propensity,
            context or None,
            choice.version,
        )
        try:
            (recorded,) = await self._writer.write((row,))
        except DatabaseError as error:
            self._complain(error)
            return self._apart(live, "database")
        if recorded.refused == "forgotten":
            return self._apart(live, "forgotten")
        if recorded.refused is not None:
            return await self._changed(live, recorded.refused)
        self._figures.count("decisions", definition.id, "repeated" if recorded.repeated else "recorded")
        return _json(
            {
                "variant": recorded.variant,
                "propensity": recorded.propensity,
                "decision_id": recorded.id,
                "experiment": definition.id,
                "in_experiment": True,
                "repeated": recorded.repeated,
            }
        )

    async def _changed(self, live: LiveExperiment, state: str) -> Response:
        """Its state changed since it was read: answer by what it is now."""
        try:
            found = await asyncio.to_thread(self._snapshots.look_up, live.definition.id)
            live = live if found is None else found
        except DatabaseError as error:
            self._complain(error)
        reason = live.state if live.state != "running" else state
        return self._apart(live, reason if reason in ("draft", "paused", "concluded") else "database")

    def _apart(self, live: LiveExperiment, reason: str) -> Response:
        """An answer outside the experiment: nothing is logged."""
        name = live.definition.id
        self._figures.count("decisions", name, reason)
        return _json(
            {
                "variant": live.shown,
                "propensity": None,
                "decision_id": None,
                "experiment": name,
                "in_experiment": False,
                "repeated": False,
                "reason": reason,
            }
        )

    def _complain(self, error: DatabaseError) -> None:
        """The writer has logged that the database is away; what it refuses is rarer, and worth a line."""
        if not isinstance(error, DatabaseUnavailable) and time.monotonic() - self._complained > 10:
            self._complained = time.monotonic()
            logger.error("decisions are answered with the control: %s", error)


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer))
