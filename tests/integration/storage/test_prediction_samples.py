"""What the monitor reads of recorded predictions, on a real PostgreSQL."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.prediction_samples import SAMPLE_SCHEMA, Answered, answered, sample_predictions
from storage.predictions import insert_predictions

AT = datetime(2026, 11, 2, tzinfo=UTC)
END = AT + timedelta(days=1)


def store(engine: Engine, count: int, **changed: Any) -> None:
    rows = [
        {
            "id": uuid.UUID(int=number), "family": "viral", "entity_id": f"v{number}",
            "at": AT + timedelta(seconds=number), "inputs": {"views": number}, "answer": {"viral_class": "low"},
            "model_version": "3", "latency_ms": float(number), "received_at": END, **changed,
        }
        for number in range(count)
    ]  # fmt: skip
    insert_predictions(engine, rows)


def test_a_few_predictions_are_all_there_in_order(engine: Engine) -> None:
    store(engine, 20)
    found = sample_predictions(engine, "viral", AT, AT + timedelta(seconds=15), 100)
    assert found.schema == SAMPLE_SCHEMA
    assert found["entity_id"].to_pylist() == [f"v{number}" for number in range(15)]
    assert found["inputs"].to_pylist()[3] == '{"views": 3}'
    assert sample_predictions(engine, "ctr", AT, END, 100).num_rows == 0


def test_of_many_a_bounded_sample_is_the_same_each_time(engine: Engine) -> None:
    store(engine, 5000)
    found = sample_predictions(engine, "viral", AT, END, 500)
    assert 350 < found.num_rows <= 500
    assert found.equals(sample_predictions(engine, "viral", AT, END, 500))
    times = found["at"].to_pylist()
    assert times == sorted(times)
    assert times[-1] - times[0] > timedelta(seconds=4500)  # of the whole span, not of its beginning


def test_figures_tell_models_from_what_stood_in(engine: Engine) -> None:
    assert answered(engine, "viral", AT, END) == Answered(0, 0, {})
    store(engine, 101)
    found = answered(engine, "viral", AT, END)
    assert (found.predictions, found.by_fallback) == (101, 0)
    assert found.latency_ms == pytest.approx({0.5: 50.0, 0.95: 95.0, 0.99: 99.0})


@pytest.mark.parametrize("version", ["heuristic", None])
def test_an_answer_without_a_version_is_a_fallback(engine: Engine, version: str | None) -> None:
    store(engine, 4, model_version=version, latency_ms=None)
    assert answered(engine, "viral", AT, END) == Answered(4, 4, {})
