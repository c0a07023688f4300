"""Reading texts through disguises, and the way back to their characters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.normalise import BREAK, fold, normalise

ANY = st.text(
    alphabet=st.one_of(
        st.characters(codec="utf-8"), st.sampled_from(list("aabs455$$@!10 .-_\n\t\u200b\u0301оаＦ🅰ß😀"))
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("disguised", "meant"),
    [
        ("FU\u200bCK", "fuck"),
        ("sh1t", "shit"),
        ("a$$hole", "asshole"),
        ("b!tch", "bitch"),
        ("f u c k", "fuck"),
        ("f.u.c.k", "fuck"),
        ("f-u_c*k", "fuck"),
        ("fuuuuuck", "fuck"),
        ("ｆｕｃｋ", "fuck"),
        ("𝓯𝓾𝓬𝓴", "fuck"),
        ("fцck"[:1] + "u\u0301ck", "fuck"),
        ("НАТЕ", "hate"),
        ("🅱ad", "bad"),
        ("Straße", "strasse"),
    ],
)
def test_a_disguise_is_read_through(disguised: str, meant: str) -> None:
    assert normalise(disguised) == meant


@pytest.mark.parametrize("plain", ["call 08712 now", "18 years", "good old hell", "in 2026", "wow!!!", "a b"])
def test_what_is_no_disguise_stays(plain: str) -> None:
    assert normalise(plain) == plain


def test_a_name_that_is_spoken_to_is_left_out() -> None:
    assert normalise("hello @anna_b, bye") == "hello @, bye"


@given(ANY)
def test_normalising_what_is_normal_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.lists(ANY, min_size=1, max_size=6))
def test_a_batch_is_normalised_as_its_texts_are(texts: list[str]) -> None:
    together = fold(texts)
    assert [together.text(row) for row in range(len(texts))] == [normalise(text) for text in texts]


@given(st.lists(ANY, min_size=1, max_size=4))
def test_each_character_knows_where_it_came_from(texts: list[str]) -> None:
    folded = fold(texts)
    for row, text in enumerate(texts):
        inside = slice(folded.starts[row], folded.starts[row + 1] - 1)
        places = folded.places[inside] - folded.offsets[row]
        assert (np.diff(places) >= 0).all()
        assert all(0 <= place < len(text) for place in places.tolist())
    assert (folded.codes == BREAK).sum() == len(texts) + 1
