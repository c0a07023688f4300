"""What the monitor looks at in the recommendation family: what people do, and who is answered well."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import conform, take_rows
from models.monitoring.contract import Watch
from models.monitoring.rates import sized
from models.recommendation.options import RecommendationOptions
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.questions import interactions_of
from models.recommendation.schema import QUESTION_SCHEMA
from models.recommendation.split import training_rows

#: Interactions known of a user from which they are of the next kind, as in the family's evaluation.
KNOWN, KNOWN_NAMES = (1, 5, 20), ("cold", "light", "regular", "heavy")


def features(rows: pa.Table, _options: RecommendationOptions) -> pa.Table:
    """The kind of each interaction and of its item, the share watched, and the region."""
    shares, viewed = rows["watch_share"].cast(pa.float64()), pc.equal(rows["kind"], "view")
    return pa.table(
        {
            "interaction": rows["kind"],
            "item_kind": rows["item_kind"],
            "watch_share": pc.if_else(viewed, shares, pa.scalar(None, pa.float64())),
            "region": rows["region"],
        }
    )


def slices(rows: pa.Table, _options: RecommendationOptions) -> pa.Table:
    """Of questions: how much is known of the user, the region, and the kind of items asked for."""
    known = pa.chunked_array([pa.array(np.asarray(pc.list_value_length(rows["history_items"])))])
    return pa.table(
        {
            "history": sized(known, KNOWN, KNOWN_NAMES),
            "region": rows["region"],
            "item_kind": rows["item_kind"],
        }
    )


def live(rows: pa.Table, options: RecommendationOptions) -> pa.Table:
    """Questions about the newest stretch of ``rows``, which begin with those that the version learned from."""
    return training_rows(rows, options)[2]


def answerable(predictor: RecommendationPredictor, rows: pa.Table) -> tuple[pa.Table, float]:
    """Questions with what was to be found among the version's items: what was published after the training it
    learns only in service; and the share of all that was to be found that this leaves out.
    """
    truth = rows["truth"].to_pylist()
    known = [[name for name in names if predictor.knows(name)] for names in truth]
    out = 1 - sum(map(len, known)) / max(sum(map(len, truth)), 1)
    place = rows.schema.get_field_index("truth")
    asked = rows.set_column(place, rows.schema.field(place), pa.array(known, rows.schema.field(place).type))
    return conform(take_rows(asked, np.array([bool(names) for names in known], bool)), QUESTION_SCHEMA), out


WATCH = Watch(
    features=features,
    slices=slices,
    live=live,
    compared=interactions_of,
    answerable=answerable,
    history=True,
)
