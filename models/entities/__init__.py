"""Entities: names of people, places and things in texts, of whatever types the examples have."""

from models.entities.acceptance import check, probe
from models.entities.clean import EntityCleaner
from models.entities.evaluation import evaluate
from models.entities.options import options_from_settings
from models.entities.predictor import load
from models.entities.training import fit
from models.entities.watching import WATCH
from models.text.family import text_family

FAMILY = text_family(
    "entities",
    "Names in texts",
    cleaner=EntityCleaner(),  # type: ignore[arg-type]  # it reads tags, and cleans as the others do
    options=options_from_settings,
    fit=fit,
    evaluate=evaluate,
    load=load,
    probe=probe,
    check=check,
    metric="f1",
    loss="names missed or made up",
    watch=WATCH,
)
