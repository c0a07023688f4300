"""Retraining: one flow for all families. A failed or worse run leaves production as it was."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed

from tasks.datasets import refresh_dataset
from tasks.promotion import promote_if_passed
from tasks.report_text import skipped_report, skipped_summary, training_report, training_summary
from tasks.reports import publish_report
from tasks.runtime import run_id, scheduled_at
from tasks.training import (
    evaluate_both,
    fit_challenger,
    judge,
    load_champion,
    load_rows,
    log_challenger,
    resolve_dataset,
    too_little,
)


@flow(name="retrain", flow_run_name="retrain {family}", validate_parameters=True)
async def retrain(
    family: str,
    dataset: str | None = None,
    limit: int | None = None,
    force: bool = False,
    params: dict[str, Any] | None = None,
) -> dict[str, Any] | State[Any]:
    """Train a challenger, compare it with the champion on the same rows, and promote it if it is better.

    With too few rows, of a family whose heuristic can answer, it ends as skipped.

    Args:
        family: which family to train.
        dataset: a dataset version such as viral/full/2026-10; empty means the latest full one (of a family
            that learns daily, one that reaches to the day before this run).
        limit: learn from this many of the most recent rows only; test rows stay.
        force: promote even when the gate does not pass it; the history says so.
        params: parameters of the fit that differ from the family's own.
    """
    key = run_id()
    rows = load_rows(resolve_dataset(family, refresh_dataset(family, dataset, scheduled_at())), limit)
    if reason := too_little(family, rows):
        skipped = skipped_summary(family, rows, reason)
        publish_report(f"retrain-{family}", skipped_report(family, reason), skipped)
        return Completed(name="Skipped", message=reason, data=skipped)
    challenger = fit_challenger(family, rows, params)
    champion = load_champion(family)
    scores = evaluate_both(family, challenger, champion, rows)
    version = log_challenger(family, challenger, scores, rows, params, key)
    gate = judge(version, scores, rows, champion)
    outcome = promote_if_passed(version, gate, scores, force=force, actor=f"retrain run {key}")
    summary = training_summary(version, rows, champion, gate, outcome)
    publish_report(
        f"retrain-{family}", training_report(version, rows, scores, champion, gate, outcome), summary
    )
    return summary
