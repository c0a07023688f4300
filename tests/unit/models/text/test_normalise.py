"""Reading texts through disguises, and the way back to their characters."""

from __future__ import annotations

import subprocess
import sys

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


def test_threads_that_are_the_first_to_ask_read_alike() -> None:
    """In a process of its own, whose tables nobody has filled yet."""
    asked = (
        "import sys, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from models.text.normalise import fold\n"
        "sys.setswitchinterval(1e-5)\n"
        "together = threading.Barrier(8)\n"
        "def kinds(text):\n"
        "    together.wait()\n"
        "    return bytes(fold([text]).kinds).hex()\n"
        "texts = [f'Wörd {n}: the night trаin, 42 times ß' for n in range(8)]\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    first = list(pool.map(kinds, texts))\n"
        "    assert first == list(pool.map(kinds, texts)), first\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
