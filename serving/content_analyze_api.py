"""``POST /api/v1/analyze`` and ``POST /api/v1/analyze/batch`` of the content service."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from serving.admission import Admission
from serving.content_analysis import FAMILIES, AnalysisParts
from serving.content_analysis_schema import MAX_ITEMS, AnalyzeBatch, AnalyzeRequest, ContentData
from serving.content_analysis_trial import TriedAnalysis
from serving.content_schema import DEFAULT_KIND
from serving.http import Request, Response
from serving.many_items import ItemsValidator
from serving.metrics import FamilyAnswers, ServiceMetrics
from serving.problems import FieldError
from serving.threads import in_pool
from serving.validation import BodyValidator

#: Texts that may wait or be worked on: some seconds of work.
WAITING_TEXTS = 4 * MAX_ITEMS
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY
Row = dict[str, Any]


class AnalyzeApi:
    """Language, sentiment, categories, topics, tags and names of texts; it keeps no text."""

    def __init__(
        self,
        parts: AnalysisParts,
        tried: TriedAnalysis,
        pool: Executor,
        metrics: ServiceMetrics,
        max_body_bytes: int,
    ) -> None:
        self._parts, self._tried = parts, tried
        self._answers = {name: FamilyAnswers(metrics, name, "rules") for name in FAMILIES}
        self._pool = pool
        self._limit = max_body_bytes
        self._admission = Admission(WAITING_TEXTS, 2 * max_body_bytes)
        names = [*AnalyzeRequest.__annotations__, *ContentData.__annotations__]
        self._items = ItemsValidator(
            "items",
            BodyValidator(AnalyzeBatch, [*names, "items"]),
            BodyValidator(AnalyzeRequest, names),
            identity="content_id",
            most=MAX_ITEMS,
            check=nothing_to_analyze,
        )

    async def one(self, request: Request) -> Response:
        """The analysis of one piece of content."""
        with self._admission.body() as take:
            body = await request.json_body(self._limit, take)
            row = self._items.one(body)
            with self._admission.work(1):
                return _json((await self._in_pool(self._analyzed, [row]))[0])

    async def many(self, request: Request) -> Response:
        """The analysis of at most 500 pieces of content, each by itself."""
        with self._admission.body() as take:
            body = await request.json_body(self._limit, take)
            started = perf_counter()
            items = await self._in_pool(self._items.many, body)
            del body
            with self._admission.work(len(items.good)):
                answers = await self._in_pool(self._analyzed, list(items.good.values()))
            return _json(
                {
                    "results": items.merged(answers),
                    "count": len(answers),
                    "faulty": len(items.faulty),
                    "took_ms": round((perf_counter() - started) * 1000, 3),
                }
            )

    def _analyzed(self, rows: Sequence[Row]) -> list[Row]:
        served = self._parts.served()
        answers = self._tried.analyze(rows, served, datetime.now(UTC))
        for figures, model in zip(self._answers.values(), served, strict=True):
            figures.count(len(rows), by_model=model is not None)
        return [
            {
                "content_id": row.get("content_id"),
                "content_type": row.get("content_type") or DEFAULT_KIND,
                **answer,
            }
            for row, answer in zip(rows, answers, strict=True)
        ]

    async def _in_pool(self, work: Any, *arguments: Any) -> Any:
        return await in_pool(self._pool, work, *arguments)


def nothing_to_analyze(row: Row) -> list[FieldError]:
    """A fault where a row has neither text nor title nor tags: an emoji is a text, a blank is none."""
    data = row["content_data"]
    if (data.get("text") or "").strip() or (data.get("title") or "").strip() or data.get("tags"):
        return []
    name = "content_data"
    return [FieldError(name, f"{name} needs text, title or tags: there is nothing to analyze.")]


def _json(answer: Row) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS))
