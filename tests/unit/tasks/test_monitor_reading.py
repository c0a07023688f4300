"""Questions about what users do next: none is about a time that the version was measured on already."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.columns import epoch_us
from models.family import get_family
from models.recommendation.options import RecommendationOptions
from models.recommendation.schema import EXAMPLE_SCHEMA
from tasks.outcome_rows import younger
from tests.recommendation_board_world import world_items
from tests.recommendation_model_world import event_rows, item_row

OPTIONS = RecommendationOptions()
FAMILY = get_family("recommendation")


@pytest.mark.parametrize(("hours", "judged"), [(12, False), (24 * 6, True)])
def test_the_newest_stretch_counts_once_it_is_new_as_a_whole(hours: int, judged: bool) -> None:
    old = pa.Table.from_pylist([*map(item_row, world_items()), *event_rows()], schema=EXAMPLE_SCHEMA)
    learned = pc.max(epoch_us(old["at"])).as_py()
    later = [
        {**row, "event_id": f"later-{row['event_id']}", "at": row["at"] + timedelta(hours=hours)}
        | {"known_at": row["known_at"] + timedelta(hours=hours)}
        for row in event_rows(11)
    ]
    new = pa.Table.from_pylist(later, schema=EXAMPLE_SCHEMA)
    new = new.filter(pc.greater(epoch_us(new["at"]), learned))
    assert FAMILY.watch is not None
    assert FAMILY.watch.live is not None
    questions = FAMILY.watch.live(pa.concat_tables([old, new]), OPTIONS)
    assert questions.num_rows
    assert bool(younger(FAMILY, questions, learned).num_rows) == judged
