"""Topics: the category of a text, whatever the categories are, and finer topics named by their words."""

from models.text.clean import TextCleaner
from models.text.family import text_family
from models.topics.acceptance import check, probe
from models.topics.evaluation import evaluate
from models.topics.options import options_from_settings
from models.topics.predictor import load
from models.topics.training import fit
from models.topics.watching import WATCH

FAMILY = text_family(
    "topics",
    "Topics of texts",
    cleaner=TextCleaner(more={"label": ("category", "topic")}),
    options=options_from_settings,
    fit=fit,
    evaluate=evaluate,
    load=load,
    probe=probe,
    check=check,
    metric="macro_f1",
    watch=WATCH,
)
