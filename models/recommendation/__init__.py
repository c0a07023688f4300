"""Recommendation: what a user may like next, out of what they and others did, and of what items are about."""

from __future__ import annotations

from models.family import Family
from models.recommendation.acceptance import check, probe
from models.recommendation.clean import clean
from models.recommendation.evaluation import evaluate
from models.recommendation.examples import collect, examples_from_rows, source_span
from models.recommendation.files import load
from models.recommendation.options import options_from_settings
from models.recommendation.schema import EXAMPLE_SCHEMA
from models.recommendation.split import cut_rows, training_rows
from models.recommendation.training import fit
from models.recommendation.watching import WATCH

FAMILY = Family(
    name="recommendation",
    title="Recommendation",
    schema=EXAMPLE_SCHEMA,
    key=("event_id",),
    entity="user_id",
    time="at",
    label="label",
    primary_metric=("ndcg_at_20", True),
    gate_metric="ndcg_at_20",
    target=False,
    refresh=True,
    fallback=True,
    options=options_from_settings,
    source_span=source_span,
    collect=collect,
    training_rows=training_rows,
    fit=fit,
    evaluate=evaluate,  # type: ignore[arg-type]  # it measures its own predictor only
    load=load,
    clean=clean,
    examples_from_rows=examples_from_rows,
    cut_rows=cut_rows,
    probe=probe,
    check=check,
    person="user_id",
    about="item_id",
    loss="1 - NDCG@20",
    returning=True,
    watch=WATCH,
)
