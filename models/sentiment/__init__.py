"""Sentiment: how a text feels, from -1 to 1, and as negative, neutral or positive."""

from models.sentiment.acceptance import check, probe
from models.sentiment.evaluation import METRIC, evaluate
from models.sentiment.labels import CLEANER
from models.sentiment.options import options_from_settings
from models.sentiment.predictor import load
from models.sentiment.training import fit
from models.sentiment.watching import WATCH
from models.text.family import text_family

FAMILY = text_family(
    "sentiment",
    "Sentiment of texts",
    cleaner=CLEANER,
    options=options_from_settings,
    fit=fit,
    evaluate=evaluate,
    load=load,
    probe=probe,
    check=check,
    metric=METRIC,
    watch=WATCH,
)
