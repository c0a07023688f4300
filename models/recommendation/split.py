"""Which interactions teach, which validate, and which measure: cuts in time, for the question is the future."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.columns import epoch_us, microseconds, take_rows
from models.family import TEST, TRAIN
from models.recommendation.options import RecommendationOptions
from models.recommendation.questions import interactions_of, items_of, questions
from models.recommendation.schema import QUESTION_SCHEMA

#: The newest stretch is at most this share of the interactions, however few days they span.
TEST_SHARE = 0.2
#: Share of one file's rows that measures, in ``assay evaluate --table``.
FILE_TEST_SHARE = 0.2


def training_rows(examples: pa.Table, options: RecommendationOptions) -> tuple[pa.Table, pa.Table, pa.Table]:
    """(train, valid, test): interactions and items before the first cut, those between the cuts, and questions
    about the time after the second.

    A row teaches if it was *known* before the cut. The newest interactions measure a version, and teach the
    next one: of a recommender, a day later they are the past.
    """
    events, items = interactions_of(examples), items_of(examples)
    if not events.num_rows:
        return items, events, QUESTION_SCHEMA.empty_table()
    at, known = (epoch_us(events[name]).to_numpy() for name in ("at", "known_at"))
    test_cut = cut(at, options.test_span)
    before = at[at < test_cut]
    valid_cut = cut(before, options.test_span) if len(before) else test_cut
    published = epoch_us(items["at"]).to_numpy()
    teach = (at < valid_cut) & (known < test_cut)
    check = (at >= valid_cut) & (at < test_cut) & (known < test_cut)
    train = pa.concat_tables([take_rows(events, teach), take_rows(items, published < valid_cut)])
    valid = pa.concat_tables(
        [
            take_rows(events, check),
            take_rows(items, (published >= valid_cut) & (published < test_cut)),
        ]
    )
    seen = pa.concat_tables([train, valid])
    test = questions(
        interactions_of(seen), take_rows(events, at >= test_cut), seen, options, at_us=test_cut, split=TEST
    )
    return train, valid, test


def cut(times_us: np.ndarray, span: timedelta) -> int:
    """The moment (microseconds since 1970) that parts the newest stretch of (n,) times, n > 0, from the rest:
    ``span`` before the newest, or where the last ``TEST_SHARE`` of them begin, if that is later.
    """
    ordered = np.sort(times_us)
    by_share = ordered[min(int(len(ordered) * (1 - TEST_SHARE)), len(ordered) - 1)]
    return int(max(ordered[-1] - microseconds(span), by_share))


def cut_rows(rows: pa.Table, by: str) -> dict[str, pa.Table]:
    """One file's clean rows by role: ``time`` gives each user's last fifth to the test, ``group`` whole users
    cannot be measured, since nothing would be known of them.

    Raises:
        InputError: cut by group, or the rows have no time.
    """
    if by != "time":
        raise InputError(
            "Recommendations are measured on what users do next, not on other users.", hint="Use --by time."
        )
    if "at" not in rows.column_names or rows["at"].null_count == rows.num_rows:
        raise InputError("The rows have no time to cut by.", hint="Map a time, or give --train and --test.")
    at = np.where(rows["at"].is_valid().to_numpy(), epoch_us(rows["at"]).fill_null(0).to_numpy(), 0)
    users = np.asarray(rows["user_id"].combine_chunks().dictionary_encode().indices)
    order = np.lexsort((np.arange(len(users)), at, users))
    sizes = np.bincount(users)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    late = np.zeros(len(order), bool)
    late[order] = rank >= np.repeat(np.ceil(sizes * (1 - FILE_TEST_SHARE)).astype(np.int64), sizes)
    return {TRAIN: take_rows(rows, ~late), TEST: take_rows(rows, late)}
