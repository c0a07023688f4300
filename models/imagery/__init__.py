"""Image moderation: whether a picture is safe, not safe for work, or violent."""

from models.family import Family
from models.imagery.acceptance import check, probe
from models.imagery.clean import clean
from models.imagery.correct import correct
from models.imagery.evaluation import evaluate
from models.imagery.examples import collect, examples_from_rows, source_span
from models.imagery.facts import facts
from models.imagery.options import assets, options_from_settings
from models.imagery.predictor import load
from models.imagery.schema import EXAMPLE_SCHEMA, HEAVY
from models.imagery.training import fit
from models.imagery.watching import WATCH
from models.images.roles import training_rows

FAMILY = Family(
    name="imagery",
    title="Image moderation",
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
    correct=correct,
    facts=facts,
    heavy=HEAVY,
    person="user_id",
    fallback=True,
    veiled=True,
    assets=assets,
    watch=WATCH,
)
