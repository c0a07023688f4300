"""Face styles: one of some classes for a photo of a person."""

from models.face.acceptance import check, probe
from models.face.clean import clean
from models.face.evaluation import evaluate
from models.face.examples import collect, examples_from_rows, source_span
from models.face.facts import facts
from models.face.options import assets, options_from_settings
from models.face.predictor import load
from models.face.schema import EXAMPLE_SCHEMA, HEAVY
from models.face.settle import settle
from models.face.split import training_rows
from models.face.training import fit
from models.face.watching import WATCH
from models.family import Family

FAMILY = Family(
    name="face",
    title="Face styles",
    schema=EXAMPLE_SCHEMA,
    key=("photo",),
    entity="user_id",
    time="at",
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
    review="all",
    settle=settle,
    facts=facts,
    heavy=HEAVY,
    person="user_id",
    assets=assets,
    watch=WATCH,
)
