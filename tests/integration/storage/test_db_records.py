"""Predictions, promotions, reviews, versions and imports in their tables."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseError, InputError, VersionConflict
from storage import history, imports, reviews, versions
from storage.database import transaction
from storage.predictions import count_predictions, insert_predictions
from storage.sources import read_sources

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)


def prediction(number: int, **values: object) -> dict[str, object]:
    at = AT + timedelta(hours=number)
    return {
        "id": uuid.UUID(int=number), "family": "viral", "entity_id": f"v{number}", "at": at, "received_at": at,
        "inputs": {"views": number}, "answer": {"viral_class": "low"}, "model_version": "1", "latency_ms": 0.5,
        **values,
    }  # fmt: skip


def test_a_prediction_that_is_shipped_again_is_stored_once(engine: Engine) -> None:
    rows = [prediction(number) for number in range(5)]
    assert insert_predictions(engine, [*rows, rows[0]]) == 5
    assert insert_predictions(engine, [*rows, prediction(9)]) == 1
    assert insert_predictions(engine, []) == 0
    assert count_predictions(engine, "viral", AT, AT + timedelta(hours=3)) == 3


def test_predictions_come_back_for_their_window_in_order_and_without_those_of_no_video(engine: Engine) -> None:
    rows = [
        prediction(3),
        prediction(2),
        prediction(1),
        prediction(4, entity_id=None),
        prediction(5, family="ctr"),
    ]
    insert_predictions(engine, rows)
    found = read_sources(engine, "viral", AT + timedelta(hours=1), AT + timedelta(hours=3))["predictions"]
    assert found["video_id"].to_pylist() == ["v1", "v2"]
    assert found["taken_at"].to_pylist() == [AT + timedelta(hours=1), AT + timedelta(hours=2)]
    assert [json.loads(inputs) for inputs in found["inputs"].to_pylist()] == [{"views": 1}, {"views": 2}]
    assert found["version"].to_pylist() == ["1", "1"]


def test_a_prediction_that_was_asked_long_after_or_before_its_time_is_no_source(engine: Engine) -> None:
    late = {number: AT + timedelta(hours=number) + timedelta(hours=hours) for number, hours in
            ((1, 23), (2, 25), (3, -0.5), (4, -2))}  # fmt: skip
    insert_predictions(engine, [prediction(number, received_at=at) for number, at in late.items()])
    found = read_sources(engine, "viral", AT, AT + timedelta(days=1))["predictions"]
    assert found["video_id"].to_pylist() == ["v1", "v3"]


def test_odd_texts_and_numbers_in_a_prediction_do_not_stop_the_batch(engine: Engine) -> None:
    odd = {"title": 'a\x00b "quoted"\n\\u0000 \ud800', "views": 10**15, "rate": math.nan, "none": None}
    assert insert_predictions(engine, [prediction(1, inputs=odd), prediction(2, entity_id='x",\n\x00')]) == 2
    found = read_sources(engine, "viral", AT, AT + timedelta(days=1))["predictions"]
    assert json.loads(found["inputs"][0].as_py()) == {
        "title": 'ab "quoted"\n\\u0000 ?', "views": 10**15, "rate": None, "none": None,
    }  # fmt: skip
    assert found["video_id"].to_pylist() == ["v1", 'x",\n']


def test_one_bad_prediction_is_named_and_the_batch_is_not_stored(engine: Engine) -> None:
    with pytest.raises(InputError, match="Prediction 1 "):
        insert_predictions(engine, [prediction(0), prediction(1, at="yesterday")])
    assert count_predictions(engine, "viral", AT, AT + timedelta(days=1)) == 0


def test_a_family_without_tables_has_no_sources(engine: Engine) -> None:
    for name in ("likes", "../viral", "os.path"):
        with pytest.raises(InputError, match="no sources"):
            read_sources(engine, name, AT, AT)


def promote(engine: Engine, version: str, **values: object) -> history.Promotion:
    row = {"family": "viral", "from_version": None, "to_version": version, "action": "promote", "actor": "flow",
           "reason": "better", "figures": {"macro_f1": np.float64(0.5), "gap": math.nan}, "at": AT}  # fmt: skip
    return history.append_promotion(engine, **{**row, **values})  # type: ignore[arg-type]


def test_the_history_tells_who_why_and_with_which_figures_the_newest_first(engine: Engine) -> None:
    promote(engine, "1")
    promote(engine, "7", family="ctr")
    second = promote(engine, "2", from_version="1", action="force", actor="ana")
    assert history.list_promotions(engine, "viral")[0] == second
    assert second.figures == {"macro_f1": 0.5, "gap": None}
    assert [each.to_version for each in history.list_promotions(engine)] == ["2", "7", "1"]
    assert len(history.list_promotions(engine, limit=1)) == 1
    assert history.list_promotions(engine, "face") == []


@pytest.mark.parametrize(
    "statement",
    [
        "update promotions set actor = 'x'",
        "delete from promotions",
        "truncate promotions",
        "truncate promotions cascade",
    ],
)
def test_the_history_cannot_be_changed(engine: Engine, statement: str) -> None:
    promote(engine, "1")
    with pytest.raises(DatabaseError, match="promotions is append-only"), transaction(engine) as connection:
        connection.execute(text(statement))
    assert [each.actor for each in history.list_promotions(engine)] == ["flow"]


@pytest.mark.parametrize("change", [{"action": "hide"}, {"actor": ""}])
def test_a_promotion_without_an_actor_or_a_known_action_is_refused(
    engine: Engine, change: dict[str, str]
) -> None:
    with pytest.raises(DatabaseError, match="promotions_"):
        promote(engine, "1", **change)


def decide(engine: Engine, candidates: list[str], decision: str, hour: int = 0, **values: object) -> int:
    return reviews.decide(
        engine, family="viral", candidates=candidates, decision=decision, decided_by="ana",  # type: ignore[arg-type]
        decided_at=AT + timedelta(hours=hour), **values,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_latest_decision_counts_and_the_earlier_ones_are_kept(engine: Engine) -> None:
    assert decide(engine, ["a", "b", "a"], "accept", hour=1) == 2
    decide(engine, ["a"], "correct", hour=2, corrected_label="high")
    decide(engine, ["b"], "reject", hour=1)  # at the very same time: the one that came last
    decide(engine, ["a"], "reject", hour=0)  # told late, and overtaken
    latest = reviews.latest_decisions(engine, "viral")
    assert {name: (each.decision, each.corrected_label) for name, each in latest.items()} == {
        "a": ("correct", "high"), "b": ("reject", None),
    }  # fmt: skip
    assert list(reviews.latest_decisions(engine, "viral", ["b", "z"])) == ["b"]
    assert reviews.latest_decisions(engine, "viral", []) == {}
    assert reviews.latest_decisions(engine, "ctr") == {}
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from reviews")).scalar() == 5


def test_a_correction_has_a_label_and_nothing_else_does(engine: Engine) -> None:
    for decision, label in (("correct", None), ("accept", "high")):
        with pytest.raises(InputError, match="right label"):
            decide(engine, ["a"], decision, corrected_label=label)


@dataclass(frozen=True)
class Ref:
    sha256: str


@dataclass(frozen=True)
class Version:
    ref: Ref
    family: str = "viral"
    stage: str = "full"
    period: str = "2026-10"
    revision: int = 1
    rows: int = 10
    made_by: str = "build-datasets-monthly"


def test_a_version_is_registered_once_with_the_run_that_was_first(engine: Engine) -> None:
    version = Version(Ref("a" * 64))
    first = versions.record_version(engine, version, "run 1", AT)
    assert versions.record_version(engine, version, "run 2", AT + timedelta(hours=1)) == first
    versions.record_version(engine, Version(Ref("b" * 64), stage="verified"), None, AT + timedelta(hours=2))
    assert [each.stage for each in versions.list_versions(engine, "viral")] == ["verified", "full"]
    assert versions.list_versions(engine, "viral", "full") == [first]
    assert versions.list_versions(engine, "ctr") == []


def test_another_content_under_a_registered_revision_is_a_conflict(engine: Engine) -> None:
    versions.record_version(engine, Version(Ref("a" * 64)), None, AT)
    with pytest.raises(VersionConflict, match=r"registered as viral/full/2026-10\.r1"):
        versions.record_version(engine, Version(Ref("b" * 64)), None, AT)


def test_imports_are_listed_the_newest_first(engine: Engine) -> None:
    run = imports.ImportRun("viral", "a.csv", "0" * 64, 5, 1, 1, 1, 1, 1, AT)
    later = imports.ImportRun("viral", "b.csv", "1" * 64, 0, 0, 0, 0, 0, 0, AT)
    imports.record_import(engine, run)
    imports.record_import(engine, later)
    assert imports.list_imports(engine, "viral") == [later, run]
    assert imports.list_imports(engine, "ctr") == []
