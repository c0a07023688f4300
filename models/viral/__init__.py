"""Viral: which class of views a video reaches at the horizon, from what is known at a snapshot."""

from __future__ import annotations

from models.family import Family
from models.viral.acceptance import check, probe
from models.viral.clean import clean
from models.viral.evaluation import evaluate
from models.viral.examples import collect, examples_from_rows, source_span
from models.viral.labels import correct
from models.viral.options import options_from_settings
from models.viral.predictor import load
from models.viral.schema import EXAMPLE_SCHEMA
from models.viral.split import training_rows
from models.viral.training import fit
from models.viral.watching import WATCH

FAMILY = Family(
    name="viral",
    title="Viral prediction",
    schema=EXAMPLE_SCHEMA,
    key=("video_id", "taken_at"),
    entity="video_id",
    time="taken_at",
    label="label",
    primary_metric=("macro_f1", True),
    options=options_from_settings,
    source_span=source_span,
    collect=collect,
    training_rows=training_rows,
    fit=fit,
    evaluate=evaluate,  # type: ignore[arg-type]  # it measures its own predictor only
    load=load,
    clean=clean,
    examples_from_rows=examples_from_rows,
    probe=probe,
    check=check,
    correct=correct,
    person="creator_id",
    watch=WATCH,
    spreads=True,
)
