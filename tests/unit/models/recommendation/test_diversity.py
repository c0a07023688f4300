from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from models.recommendation.diversity import spread

AUTHORS = st.lists(st.sampled_from(["ana", "ben", "cho", None]), max_size=30)
RUNS = st.integers(1, 4)
COUNTS = st.integers(0, 30)


def runs(chosen: list[int], authors: list[str | None]) -> list[tuple[str | None, int]]:
    return [(author, len([*those])) for author, those in groupby(authors[at] for at in chosen)]


def test_the_third_item_of_an_author_waits_for_one_of_another() -> None:
    assert spread([0, 1, 2, 3, 4], ["ana", "ana", "ana", "ben", "ana"], 2, 5) == [0, 1, 3, 2, 4]


def test_an_order_that_keeps_the_rule_stays_as_it_is() -> None:
    assert spread([2, 1, 0], ["ana", "ben", "ana"], 1, 3) == [2, 1, 0]


def test_items_without_an_author_never_clash() -> None:
    assert spread([0, 1, 2, 3], [None] * 4, 1, 4) == [0, 1, 2, 3]


def test_what_is_left_of_one_author_goes_between_the_others_before_it_goes_to_the_end() -> None:
    # greedy alone would end with ana four times in a row
    chosen = spread([0, 1, 2, 3, 4, 5], ["ben", "cho", "ana", "ana", "ana", "ana"], 1, 6)
    assert runs(chosen, ["ben", "cho", "ana", "ana", "ana", "ana"])[-1] == ("ana", 2)
    assert len(chosen) == 6


@given(AUTHORS, RUNS, COUNTS)
def test_the_list_is_as_long_as_it_may_be_and_holds_each_item_once(
    authors: list[str | None], run: int, count: int
) -> None:
    chosen = spread(range(len(authors)), authors, run, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(authors))


@given(AUTHORS, RUNS, COUNTS)
def test_a_run_is_too_long_only_where_no_order_avoids_it(
    authors: list[str | None], run: int, count: int
) -> None:
    chosen = spread(range(len(authors)), authors, run, count)
    long = [author for author, length in runs(chosen, authors) if author is not None and length > run]
    for author in long:
        own = sum(authors[at] == author for at in chosen)
        others = len(chosen) - own
        assert own > (others + 1) * run
        assert others == sum(one != author for one in authors)  # nobody else was left to choose


@given(AUTHORS, RUNS)
def test_items_of_one_author_keep_their_order(authors: list[str | None], run: int) -> None:
    chosen = spread(range(len(authors)), authors, run, len(authors))
    for author in set(authors) - {None}:
        own = [at for at in chosen if authors[at] == author]
        assert own == sorted(own)
