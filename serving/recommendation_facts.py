"""What the recommendation service tells of its model, of users and of items: ``/model``, ``/features``,
``/similar``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from models.recommendation.heuristic import HeuristicPredictor
from models.recommendation.question import ITEM_KINDS, Question
from serving.flags import FlagWatcher
from serving.http import Request, Response
from serving.model_slot import ModelSlot, ServedModel
from serving.problems import FieldError, Problem, invalid_fields
from serving.recommendation_answerer import HEURISTIC, MODEL
from serving.recommendation_board import BoardWatcher
from serving.recommendation_schema import DEFAULT_ITEMS, MAX_ITEMS
from serving.recommendation_users import Histories, Known

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class FactsApi:
    """Answers out of what is in memory; a user's history is read where it is not."""

    def __init__(
        self,
        slot: ModelSlot,
        board: BoardWatcher,
        flags: FlagWatcher,
        heuristic: HeuristicPredictor,
        histories: Histories,
        experiment: str | None,
    ) -> None:
        self._slot = slot
        self._board = board
        self._flags = flags
        self._heuristic = heuristic
        self._histories = histories
        self._experiment = experiment

    async def status(self, _: Request) -> Response:
        """What answers now, and out of what."""
        model, view, board = self._slot.current, self._slot.registry, self._board.board
        return _json(
            {
                "model_version": model.version if model else None,
                "answered_by": MODEL if model else HEURISTIC,
                "serving_since": model.since if model else None,
                "source": model.source if model else None,
                "why": None if model else self._slot.why_empty(),
                "registry": {
                    "reachable": view.reachable,
                    "production": view.production,
                    "checked_at": view.checked_at,
                    "refused": view.refused,
                },
                "model": dict(self._board.predictor(model).info) if model else None,
                "flags": {name: asdict(state) for name, state in self._flags.current.states.items()},
                "experiment": self._experiment,
                "board": {
                    "trending": len(board.trending),
                    "newest": len(board.newest),
                    "engaging": len(board.engagement),
                },
                "degraded": [*self._slot.complaints(), *self._board.complaints(), *self._flags.complaints()],
            }
        )

    async def user(self, request: Request) -> Response:
        """What a history says of its user."""
        predictor, (question, known) = self._predictor(), await self._question(request.parameters["id"])
        return _json({**predictor.user_features(question), "degraded": known.degraded})

    async def item(self, request: Request) -> Response:
        """What the model knows of an item."""
        item_id = request.parameters["id"]
        found = self._predictor().item_features(item_id)
        if found is None:
            raise _unknown(item_id)
        return _json(found)

    async def interaction(self, request: Request) -> Response:
        """The features by which an item would be ranked for a user."""
        item_id = request.parameters["post"]
        predictor, (question, known) = self._predictor(), await self._question(request.parameters["user"])
        found = predictor.interaction_features(question, item_id)
        if found is None:
            raise _unknown(item_id)
        return _json({**found, "degraded": known.degraded})

    async def similar(self, request: Request) -> Response:
        """Items that are close to one."""
        item_id, count, kind = request.parameters["id"], _limit(request), _kind(request)
        model = self._slot.current
        found = None
        if model is not None:
            found = self._board.predictor(model).similar(item_id, count, kind)
        by_model = found is not None
        if found is None:
            found = self._heuristic.similar(item_id, count, kind, self._board.board)
        if found is None:
            raise _unknown(item_id)
        return _json(
            {
                "item_id": item_id,
                "items": found,
                "count": len(found),
                "answered_by": MODEL if by_model else HEURISTIC,
                "model_version": model.version if model and by_model else HEURISTIC,
            }
        )

    def _model(self) -> ServedModel:
        if self._slot.current is None:
            raise Problem(503, self._slot.why_empty())
        return self._slot.current

    def _predictor(self) -> Any:
        return self._board.predictor(self._model())

    async def _question(self, user_id: str) -> tuple[Question, Known]:
        if "\x00" in user_id or len(user_id) > 256:  # which the database does not hold
            raise invalid_fields([FieldError("id", "id must be a user's id, of at most 256 characters.")])
        known = await self._histories.get(user_id)
        return Question(user_id, time.time_ns() // 1000, known.history), known


def _limit(request: Request) -> int:
    text = request.query("limit")
    if text is None:
        return DEFAULT_ITEMS
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_ITEMS):
        raise invalid_fields([FieldError("limit", f"limit must be a whole number from 1 to {MAX_ITEMS}.")])
    return int(text)


def _kind(request: Request) -> str | None:
    kind = next(
        (one for name in ("content_type", "item_kind") if (one := request.query(name)) is not None), None
    )
    if kind is not None and kind not in ITEM_KINDS:
        sentence = f"content_type must be one of {', '.join(ITEM_KINDS)}."
        raise invalid_fields([FieldError("content_type", sentence)])
    return kind


def _unknown(item_id: str) -> Problem:
    return Problem(404, f"Nothing is known of an item '{item_id[:100]}' here. Save it with POST /api/v1/items.")


def _json(answer: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(answer, default=_plain, option=_OPTIONS))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping | set | frozenset | tuple):
        return dict(value) if isinstance(value, Mapping) else list(value)
    raise TypeError
