"""``/api/v1/moderation/{id}`` and ``/api/v1/labels`` of the content service: what people say of answers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

from config.errors import InputError
from models.moderation.judging import whole_text
from serving.content_asking import Asking, json_answer, uuid_of
from serving.content_database import ContentDatabase
from serving.content_labels import kept_label
from serving.content_store_schema import AppealRequest, LabelRequest, ReviewRequest
from serving.http import Request, Response
from serving.problems import FieldError, Problem, invalid_fields
from serving.validation import BodyValidator

Row = dict[str, Any]


class ReviewsApi:
    """Decisions as they are kept, appeals, reviews, and corrections of answers."""

    def __init__(self, database: ContentDatabase, pool: Executor, max_body_bytes: int) -> None:
        self._database = database
        self._ask = Asking(pool, "Decisions, appeals, reviews and labels")
        self._limit = max_body_bytes
        self._appeal = BodyValidator(AppealRequest, list(AppealRequest.__annotations__))
        self._review = BodyValidator(ReviewRequest, list(ReviewRequest.__annotations__))
        self._label = BodyValidator(LabelRequest, list(LabelRequest.__annotations__))

    async def get(self, request: Request) -> Response:
        """A decision, and what people said of it."""
        return json_answer(await self._found(request))

    async def appeal(self, request: Request) -> Response:
        """A creator objects: the decision goes to the front of the queue."""
        row = self._appeal.parse(await request.json_body(self._limit))
        return await self._changed(request, self._database.appeal, row, 409)

    async def review(self, request: Request) -> Response:
        """A person approves or rejects: it holds from now on, and answers an open appeal."""
        row = self._review.parse(await request.json_body(self._limit))
        return await self._changed(request, self._database.review, row, 422)

    async def _changed(self, request: Request, change: Callable[..., None], row: Row, refused: int) -> Response:
        identity = (await self._found(request))["id"]
        try:
            await self._ask(change, identity, row, datetime.now(UTC))
        except InputError as error:
            raise Problem(refused, error.message) from None
        return json_answer(await self._found(request))

    async def _found(self, request: Request) -> Row:
        identity = uuid_of(request.parameters["id"], "decision")
        found: Row | None = await self._ask(self._database.decision, identity)
        if found is None:
            raise Problem(
                404,
                f"There is no decision {identity}. One that was just given is here within a second or two.",
            )
        return found

    async def label(self, request: Request) -> Response:
        """Keep the right answer for a text, for the family to learn from."""
        row = self._label.parse(await request.json_body(self._limit))
        return json_answer(await self._ask(self._labelled, row))

    def _labelled(self, row: Row) -> Row:
        given = [name for name in ("text", "content_id") if row.get(name)]
        if len(given) != 1:
            raise invalid_fields([FieldError("text", "text or content_id is required, and not both.")])
        about = self._about(row)
        if not (about["text"] or "").strip():
            raise invalid_fields([FieldError(given[0], f"{given[0]} has no text to learn from.")])
        try:
            label = kept_label(row["family"], about["text"], row["label"])
        except InputError as error:
            raise invalid_fields([FieldError("label", f"label does not fit: {error.message}.")]) from None
        kept = {**row, **about, "label": label}
        saved = self._database.correct(kept, datetime.now(UTC))
        return {
            "status": "saved" if saved else "forgotten",
            "family": row["family"],
            "text_id": about["text_id"],
            "label": label,
        }

    def _about(self, row: Row) -> Row:
        """The text that is labelled, its id and whose it is."""
        from storage.text_corrections import text_id_of

        if row.get("text"):
            return {"text": row["text"], "text_id": text_id_of(row["text"])}
        found = self._database.content(row["content_id"])
        if found is None:
            raise Problem(404, f"There is no content '{row['content_id'][:100]}'.")
        content = found[0]
        return {
            "text": whole_text(content.title, content.text),
            "text_id": content.id,
            "user_id": content.creator_id,
            "at": content.created_at,
            "language": row.get("language") or (content.analysis or {}).get("language"),
        }
