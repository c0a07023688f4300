import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.ctr.spread import Spread
from models.ctr.text import FIELDS, HEADS, TextScores
from models.ctr.text_fit import fit_text, text_matrix
from models.words import BUCKETS, buckets


@given(st.none() | st.text())
def test_any_text_has_its_buckets_once_and_in_order(text):
    found = buckets(text)
    assert found == sorted(set(found)) == buckets(text)
    assert all(0 <= place < BUCKETS for place in found)


def test_case_and_spaces_do_not_matter_but_words_their_order_and_signs_do():
    assert buckets("Wait  FOR it") == buckets("wait for it")
    assert set(buckets("wait")) < set(buckets("wait for it"))
    assert buckets("wait for it") != buckets("it for wait")
    assert buckets("really?") != buckets("really")


def test_a_script_without_spaces_has_words_too():
    assert set(buckets("猫が好き")) & set(buckets("犬が好き"))
    assert buckets("猫が好き") != buckets("犬が好き")


def test_words_past_the_limit_are_not_looked_at():
    assert buckets("word " * 200 + "end") == buckets("word " * 500)


def test_no_text_says_nothing_and_many_are_scored_as_one():
    weights = np.random.default_rng(1).normal(size=(len(FIELDS), BUCKETS, len(HEADS))).astype(np.float32)
    scores = TextScores(weights)
    assert scores.score(0, None) == scores.score(0, "") == scores.score(0, "   ") == (0.0, 0.0)
    texts = ["wait for it", None, "wait for it", "again"]
    assert scores.columns(1, texts).tolist() == [list(scores.score(1, text)) for text in texts]
    assert scores.score(0, "again") != scores.score(1, "again")


def test_long_texts_are_scored_and_not_kept_in_memory():
    weights = np.random.default_rng(1).normal(size=(len(FIELDS), BUCKETS, len(HEADS))).astype(np.float32)
    scores = TextScores(weights)
    text = "wait for it " * 100
    assert scores.score(0, text) == scores._score(0, text) != (0.0, 0.0)
    assert scores._remembered.cache_info().currsize == 0
    scores.score(0, "wait for it")
    assert scores._remembered.cache_info().currsize == 1


def _fitted(hidden):
    """Weights out of 300 tests of two arms; "good" doubles the odds, and tests differ by ``hidden``."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(300), 2)
    good = rng.random(600) < 0.5
    odds = np.log(0.03 / 0.97) + np.where(good, 0.35, -0.35) + hidden(rng, groups, good)
    shown = np.full(600, 2000.0)
    clicks = rng.binomial(2000, 1 / (1 + np.exp(-odds))).astype(float)
    titles = ["a good one" if is_good else "a bad one" for is_good in good]
    design = text_matrix([titles, [None] * 600])
    scores = fit_text(np.zeros(600), design, clicks, shown, groups, Spread(0.03, 100.0))
    return np.subtract(scores.score(0, "a good one"), scores.score(0, "a bad one"))


def test_words_get_their_worth():
    level, contrast = _fitted(lambda rng, groups, _: rng.normal(0, 0.1, 300)[groups])
    assert 0.5 < level < 0.8
    assert 0.5 < contrast < 0.8


def test_the_contrast_is_blind_to_what_whole_groups_share():
    # groups with more good titles do better for another reason: only the level may claim that
    def shared(rng, groups, good):
        return 1.5 * (np.bincount(groups, good)[groups] - 1)

    level, contrast = _fitted(shared)
    assert level > contrast + 0.3
    assert 0.4 < contrast < 1.0
