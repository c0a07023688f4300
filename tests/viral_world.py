"""A small sample world of the viral family for tests: its snapshots, examples, and models good and bad."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from config.settings import load_settings
from demo.world import WorldSize, make_world
from models.family import Evaluation, Window
from models.viral import FAMILY
from models.viral.predictor import ViralPredictor

FIRST_DAY, AS_OF = dt.date(2026, 9, 17), dt.date(2026, 11, 1)
#: Enough to learn from, quick to fit.
QUICK = {"trees": 25}
#: One stump: it knows next to nothing.
POOR = {"trees": 1, "num_leaves": 2, "learning_rate": 0.01}


@lru_cache(maxsize=1)
def snapshots() -> pa.Table:
    """Clean snapshots of 45 days."""
    rows = make_world(AS_OF, 7, WorldSize(creators=40, videos_a_day=12, days=45))
    good = pc.and_(pc.greater_equal(rows["views"], 0), pc.fill_null(pc.greater_equal(rows["likes"], 0), True))
    named = pc.fill_null(pc.not_equal(rows["video_id"], ""), False)
    return rows.filter(pc.and_(good, named))


@lru_cache(maxsize=1)
def roles() -> tuple[pa.Table, pa.Table, pa.Table]:
    """(train, valid, test) examples of the whole span."""
    options = FAMILY.options(load_settings())
    window = Window(_midnight(FIRST_DAY), _midnight(AS_OF))
    return FAMILY.training_rows(FAMILY.collect({"snapshots": snapshots()}, window, options), options)


@lru_cache(maxsize=2)
def trained(poor: bool = False) -> tuple[ViralPredictor, Evaluation]:
    """A fitted model and its figures on the test rows."""
    train, valid, test = roles()
    options = FAMILY.options(load_settings())
    predictor = FAMILY.fit(train, valid, options, POOR if poor else QUICK, 7)
    return predictor, FAMILY.evaluate(predictor, test, options, 7)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
