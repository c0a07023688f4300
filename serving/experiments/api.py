"""The endpoints of experiments, for a service to plug in: ``experiment_routes``, ``EXPERIMENT_OPERATIONS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

import orjson

from config.errors import (
    DatabaseUnavailable,
    DefinitionFaulty,
    ExperimentConflict,
    ExperimentNotFound,
    InputError,
)
from serving.application import Route
from serving.experiments.decide import RETRY_AFTER, DecideApi
from serving.experiments.operations import EXPERIMENT_OPERATIONS
from serving.experiments.rewards import RewardApi
from serving.experiments.schema import ChangeRequest
from serving.experiments.service import ExperimentService
from serving.http import Request, Response
from serving.problems import FieldError, Problem, invalid_fields
from serving.threads import in_pool
from serving.validation import BodyValidator, json_object
from storage.experiments import ExperimentRecord

__all__ = ["EXPERIMENT_OPERATIONS", "ExperimentService", "experiment_routes"]

API_ACTOR = "api"
LONGEST_ACTOR = 100
#: So many reports are made at a time, the others wait: each reads all decisions of an experiment, and
#: off-policy estimates take some 200 MB. They have own threads: who asks for a variant may need one, too.
REPORTS_AT_ONCE = 2
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
T = TypeVar("T")


def experiment_routes(experiments: ExperimentService) -> list[Route]:
    """The routes; those that change an experiment need the API key."""
    limit = experiments.settings.max_body_bytes
    decide = DecideApi(
        experiments.snapshots, experiments.decisions, experiments.figures, experiments.uniform, limit
    )
    reward = RewardApi(
        experiments.snapshots, experiments.rewards, experiments.inbox, experiments.figures, limit
    )
    desk = DeskApi(experiments)
    one = "/experiments/{id}"
    return [
        Route(f"{one}/select", "POST", decide.select),
        Route(f"{one}/reward", "POST", reward.reward),
        Route(f"{one}/stats", "GET", desk.stats),
        Route("/experiments", "GET", desk.every),
        Route("/experiments", "POST", desk.create, needs_key=True),
        Route(one, "GET", desk.get),
        Route(one, "PUT", desk.edit, needs_key=True),
        *(
            Route(f"{one}/{action}", "POST", getattr(desk, action), needs_key=True)
            for action in ("start", "pause", "resume", "conclude")
        ),
    ]


class DeskApi:
    """What a person does with experiments, over HTTP. The database is asked in threads."""

    def __init__(self, experiments: ExperimentService) -> None:
        self._experiments = experiments
        self._desk = experiments.desk
        self._limit = experiments.settings.max_body_bytes
        self._reporters = ThreadPoolExecutor(REPORTS_AT_ONCE, thread_name_prefix="experiment-report")
        self._change = BodyValidator(ChangeRequest, list(ChangeRequest.__annotations__))

    async def every(self, _: Request) -> Response:
        """All experiments."""
        records = await _in_thread(self._desk.every)
        return _json({"experiments": [record.as_dict() for record in records], "count": len(records)})

    async def get(self, request: Request) -> Response:
        """One experiment, with every change of it."""
        name = request.parameters["id"]

        def read() -> dict[str, Any]:
            changes = [asdict(change) for change in self._desk.changes(name)]
            return {**self._desk.get(name).as_dict(), "changes": changes}

        return _json(await _in_thread(read))

    async def stats(self, request: Request) -> Response:
        """The report; with ``timeline`` and ``off_policy`` where they are asked for."""
        name = request.parameters["id"]
        _check_query(request, ("timeline", "off_policy"))
        timeline, off_policy = _flag(request, "timeline"), _flag(request, "off_policy")

        def read() -> dict[str, Any]:
            found = self._desk.stats(name)
            if timeline:
                found["timeline"] = self._desk.timeline(name)
            if off_policy:
                found["off_policy"] = self._desk.off_policy(name)
            return found

        return _json(await _in_thread(read, self._reporters))

    async def create(self, request: Request) -> Response:
        """Keep a draft, and start it where that is asked for."""
        definition = json_object(await request.json_body(self._limit))
        actor, start = _actor(definition.pop("actor", None)), definition.pop("start", False)
        if not isinstance(start, bool):
            raise invalid_fields([FieldError("start", "start must be true or false.")])

        def create() -> ExperimentRecord:
            made = self._desk.create(definition, actor)
            return self._desk.start(made.id, actor) if start else made

        return await self._changed(create, 201)

    async def edit(self, request: Request) -> Response:
        """Replace a draft's definition."""
        definition = json_object(await request.json_body(self._limit))
        actor, name = _actor(definition.pop("actor", None)), request.parameters["id"]
        rest = self._change.parse(
            orjson.dumps({key: definition.pop(key) for key in ("reason", "revision") if key in definition})
        )
        return await self._changed(
            lambda: self._desk.edit(
                name, definition, actor, reason=rest.get("reason"), revision=rest.get("revision")
            )
        )

    async def start(self, request: Request) -> Response:
        """Let a draft decide."""
        return await self._move(request, self._desk.start)

    async def pause(self, request: Request) -> Response:
        """Stop deciding for now."""
        return await self._move(request, self._desk.pause)

    async def resume(self, request: Request) -> Response:
        """Decide again."""
        return await self._move(request, self._desk.resume)

    async def conclude(self, request: Request) -> Response:
        """End it with a winner, or with a reason and none."""
        asked = await self._asked(request)
        name, winner = request.parameters["id"], asked.get("winner")
        return await self._changed(
            lambda: self._desk.conclude(
                name,
                winner,
                _actor(asked.get("actor")),
                asked.get("reason"),
                revision=asked.get("revision"),
            )
        )

    async def _move(self, request: Request, move: Callable[..., ExperimentRecord]) -> Response:
        asked, name = await self._asked(request), request.parameters["id"]
        if "winner" in asked:
            raise invalid_fields([FieldError("winner", "winner goes with the conclusion only.")])
        actor = _actor(asked.get("actor"))
        return await self._changed(
            lambda: move(name, actor, asked.get("reason"), revision=asked.get("revision"))
        )

    async def _asked(self, request: Request) -> dict[str, Any]:
        body = await request.json_body(self._limit)
        return self._change.parse(body) if body else {}

    async def _changed(self, change: Callable[[], ExperimentRecord], status: int = 200) -> Response:
        """Do it, and know of it here at once; other processes do within their next look."""

        def do() -> ExperimentRecord:
            record = change()
            self._experiments.refresh()
            return record

        return _json((await _in_thread(do)).as_dict(), status)


async def _in_thread(work: Callable[[], T], threads: Executor | None = None) -> T:
    """The result; faults of the database and of what was sent as problems."""
    try:
        return await in_pool(threads, work)
    except ExperimentNotFound as error:
        raise Problem(404, error.message) from None
    except ExperimentConflict as error:
        raise Problem(409, str(error)) from None
    except DefinitionFaulty as error:
        faults = [
            FieldError(field or "definition", f"{field}: {what}." if field else f"{what[0].upper()}{what[1:]}.")
            for field, what in error.faults
        ]
        raise Problem(422, str(error), faults) from None
    except InputError as error:
        raise Problem(422, str(error)) from None
    except DatabaseUnavailable:
        raise Problem(503, "The database is away; ask again later.", headers=RETRY_AFTER) from None


def _actor(value: Any) -> str:
    """Who does it, as it goes on record."""
    if value is None:
        return API_ACTOR
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ACTOR or not value.isprintable():
        message = f"actor must be a name of at most {LONGEST_ACTOR} characters: it goes on record."
        raise invalid_fields([FieldError("actor", message)])
    return value.strip()


def _check_query(request: Request, known: tuple[str, ...]) -> None:
    """Raises Problem: 422 naming each query parameter that is not known."""
    said = f"is not a known query parameter; there are: {', '.join(known)}."
    strange = [name[:100] for name in request.query_names() if name not in known]
    if strange:
        raise invalid_fields([FieldError(name, f"{name} {said}") for name in strange])


def _flag(request: Request, name: str) -> bool:
    word = request.query(name)
    if word is None:
        return False
    word = word.lower()
    if word not in ("true", "false"):
        raise invalid_fields([FieldError(name, f"{name} must be true or false.")])
    return word == "true"


def _json(answer: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS), status)
