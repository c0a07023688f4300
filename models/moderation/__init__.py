"""Moderation of texts: whether one is spam, hate speech or toxic."""

from models.moderation.acceptance import check, probe
from models.moderation.evaluation import evaluate
from models.moderation.labels import CLASSES, labels_of_columns, read_label
from models.moderation.options import assets, options_from_settings
from models.moderation.predictor import load
from models.moderation.training import fit
from models.moderation.watching import WATCH
from models.text.clean import TextCleaner
from models.text.family import text_family

CLEANER = TextCleaner(
    read=read_label,
    known=CLASSES,
    columns=labels_of_columns,
    foreign=True,
)

FAMILY = text_family(
    "moderation",
    "Text moderation",
    cleaner=CLEANER,
    options=options_from_settings,
    fit=fit,
    evaluate=evaluate,
    load=load,
    probe=probe,
    check=check,
    assets=assets,
    watch=WATCH,
)
