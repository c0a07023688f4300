"""CTR: how many of its impressions of a day a clip turns into clicks, from what is known before."""

from __future__ import annotations

from models.ctr.acceptance import check, probe
from models.ctr.clean import clean
from models.ctr.evaluation import evaluate
from models.ctr.examples import collect, examples_from_rows, source_span
from models.ctr.labels import correct
from models.ctr.options import options_from_settings
from models.ctr.predictor import load
from models.ctr.schema import EXAMPLE_SCHEMA
from models.ctr.split import cut_rows, training_rows
from models.ctr.training import fit
from models.ctr.watching import WATCH
from models.family import Family

FAMILY = Family(
    name="ctr",
    title="CTR prediction",
    schema=EXAMPLE_SCHEMA,
    key=("outcome",),
    entity="entity",
    time="at",
    label="label",
    primary_metric=("skill", True),
    gate_metric="skill",
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
    correct=correct,
    person="creator_id",
    spreads=True,
    later=("device",),
    watch=WATCH,
)
