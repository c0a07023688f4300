"""What a service's health and figures mean."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from models.monitoring.contract import Figure
from storage.monitor import FigurePoint
from tasks.monitor_losses import LOST, losses, of_replica
from tasks.monitor_services import metrics, only_waits_for_models

DAY = dt.date(2026, 11, 1)
REACHABLE = {"reachable": True, "production": None}


@pytest.mark.parametrize(
    ("body", "waits"),
    [
        ({"detail": "degraded: the heuristic answers", "model_version": None, "registry": REACHABLE}, True),
        ({"detail": "degraded: a; rows wait on disk", "model_version": None, "registry": REACHABLE}, False),
        ({"detail": "degraded: MLflow is away", "model_version": "3", "registry": REACHABLE}, False),
        ({"detail": "degraded: x", "model_version": None, "registry": {"reachable": False}}, False),
        (
            {
                "detail": "degraded: x",
                "model_version": None,
                "registry": {"reachable": True, "production": "3"},
            },
            False,
        ),
        (
            {
                "detail": "degraded: rules answer for imagery",
                "models": {
                    "imagery": {"loaded": False, "registry": REACHABLE},
                    "topics": {"loaded": True, "registry": {"reachable": True, "production": "1"}},
                },
            },
            True,
        ),
    ],
)
def test_a_service_without_a_model_is_no_fault_while_there_is_none(body: dict[str, Any], waits: bool) -> None:
    assert only_waits_for_models(body) == waits


def test_what_grew_is_told_by_replica_and_a_sum_of_others_is_not_compared() -> None:
    queue = "queue predictions of the viral service"

    def figures(**counts: float) -> list[Figure]:
        total = Figure(f"{queue}: {LOST}", sum(counts.values()))
        return [total, *(Figure(of_replica(total.name, name), count) for name, count in counts.items())]

    at = dt.datetime.combine(DAY, dt.time(5), dt.UTC)
    before = {
        one.name: FigurePoint(one.name, DAY, one.value, None, None, None, None, at) for one in figures(a=5, b=1)
    }
    assert losses(figures(a=5), before) == losses(figures(a=5, b=1), before) == []
    [lost] = losses(figures(b=3), before)
    assert (lost.figures, lost.link) == ({"rows": 2}, "/monitoring/platform")
    assert "2 rows of the queue predictions of the viral service were lost" in lost.sentence
    assert lost.sentence.endswith("since 2026-11-01.")
    [lost] = losses(figures(a=6, c=4), before)
    assert lost.figures == {"rows": 5}
    assert lost.sentence.endswith("since the service started.")


def test_figures_of_queues_are_read_out_of_the_others() -> None:
    text = (
        "# HELP assay_queue_rows Rows\n"
        'assay_queue_rows{queue="predictions",service="viral"} 12.0\n'
        'assay_requests_total{path="/",service="viral",status="200"} 4.0\n'
        'assay_recorded_rows_total{queue="predictions",service="viral",state="lost"} 3.0\n'
    )
    assert metrics(text) == [
        ("assay_queue_rows", {"queue": "predictions", "service": "viral"}, 12.0),
        ("assay_recorded_rows_total", {"queue": "predictions", "service": "viral", "state": "lost"}, 3.0),
    ]
