"""A recommender's day: live questions, parts and intervals, on a real model of a small world with tastes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.columns import epoch_us
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.judging import judge
from models.recommendation import FAMILY
from tests.recommendation_taste_world import OPTIONS, SEED, moment, sources, us

RULES = Rules(window_days=7, min_rows=40, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)
LEARNED = 22


@dataclass(frozen=True)
class Lived:
    """What is read of a week since, and all questions about it."""

    inputs: DayInputs
    asked: pa.Table


@lru_cache(maxsize=1)
def lived() -> Lived:
    rows = FAMILY.collect(sources(users=200, events=6000), None, OPTIONS)  # type: ignore[arg-type]
    old = pa.array(epoch_us(rows["at"]).to_numpy() < us(LEARNED))
    train, valid, test = FAMILY.training_rows(rows.filter(old), OPTIONS)
    current = rows.filter(pc.invert(old))
    asked = FAMILY.watch.live(rows, OPTIONS)  # type: ignore[union-attr, misc]
    inputs = DayInputs(
        day=moment(29).date(),
        version="1",
        reference_name="recommendation/full/2026-10",
        predictor=FAMILY.fit(train, valid, OPTIONS, {}, SEED),
        reference=pa.concat_tables([train, valid]),
        current=current,
        held_out=test,
        live=asked,
    )
    return Lived(inputs, asked)


def test_live_questions_ask_only_for_what_the_version_can_know():
    found = judge(FAMILY, OPTIONS, lived().inputs, RULES)
    assert (found.failures, found.unjudged) == ((), frozenset())
    assert found.live is not None
    assert RULES.min_rows <= found.live.rows < lived().asked.num_rows
    assert found.live.loss.low < found.live.loss.value < found.live.loss.high
    share = {one.name: one.value for one in found.figures}["outcomes that the version cannot know, share"]
    assert 0.1 < share < 0.9

    as_they_are = replace(FAMILY, watch=replace(FAMILY.watch, answerable=None))
    blamed = judge(as_they_are, OPTIONS, lived().inputs, RULES).live
    assert blamed.rows == lived().asked.num_rows
    assert blamed.loss.value > found.live.loss.value


def test_of_items_published_long_ago_no_week_of_theirs_is_compared():
    compared = {one.name: one for one in judge(FAMILY, OPTIONS, lived().inputs, RULES).compared}
    assert set(compared) == {"interaction", "item_kind", "watch_share"}
    assert compared["interaction"].usual is None  # the interactions span too few weeks, whatever the items do
    assert compared["interaction"].nulls == (0.0, 0.0)


def test_items_alone_are_too_few_rows():
    now = lived().inputs.current
    inputs = replace(lived().inputs, current=now.filter(pc.equal(now["kind"], "item")))
    found = judge(FAMILY, OPTIONS, inputs, replace(RULES, min_rows=1))
    assert (found.failures, found.subjects) == ((), frozenset())
    assert found.skipped == ("Drift: 0 rows of the last days are too few; 1 are needed.",)


def test_other_deeds_are_a_drift():
    now = lived().inputs.current
    place = now.schema.get_field_index("kind")
    kinds = ["skip" if kind == "like" else kind for kind in now["kind"].to_pylist()]
    inputs = replace(lived().inputs, current=now.set_column(place, now.schema.field(place), [kinds]))
    assert "feature interaction" in {one.subject for one in judge(FAMILY, OPTIONS, inputs, RULES).findings}


@pytest.mark.parametrize("region", ["south", "north"])
def test_parts_of_questions_are_looked_at(region):
    def named(rows):
        names = ["south" if int(user[1:]) % 2 else "north" for user in rows["user_id"].to_pylist()]
        place = rows.schema.get_field_index("region")
        return rows.set_column(place, rows.schema.field(place), [names])

    doubled = [pa.concat_tables([rows] * 4) for rows in (lived().inputs.held_out, lived().inputs.live)]
    inputs = replace(lived().inputs, held_out=named(doubled[0]), live=named(doubled[1]))
    [part] = [one for one in judge(FAMILY, OPTIONS, inputs, RULES).slices if one.value == region]
    assert part.column == "region"
    assert part.loss.low <= part.loss.value <= part.loss.high
