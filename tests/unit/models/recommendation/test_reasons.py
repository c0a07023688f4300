import pytest

from models.recommendation.question import COLLABORATIVE, CONTENT, SOURCES
from models.recommendation.reasons import DID, LONGEST_TITLE, UNKNOWN, because, reason


@pytest.mark.parametrize(
    ("source", "facts", "sentence"),
    [
        ("collaborative", {"kind": "like", "title": "A day out"}, 'because you liked "A day out"'),
        ("collaborative", {"kind": "view", "title": "A day out"}, 'because you watched "A day out"'),
        ("collaborative", {}, "liked by people with a taste like yours"),
        ("content", {"kind": "share", "title": "Soup"}, 'similar to "Soup", which you shared'),
        ("content", {}, "close to what you like"),
        ("trending", {"category": "cooking", "language": "en"}, "trending in cooking"),
        ("trending", {}, "trending now"),
        ("followed", {}, "new from an author you follow"),
        ("followed", {"author": "ana"}, "new from ana, whom you follow"),
        ("exploration", {}, "new, and few have seen it yet"),
        ("popular", {"language": "pt-BR"}, "popular in Portuguese"),
        ("popular", {"language": "tlh"}, "popular in tlh"),
        ("popular", {}, "popular now"),
        (UNKNOWN, {"title": "x"}, "nothing is known of it"),
    ],
)
def test_the_sentence_says_what_is_known(source: str, facts: dict[str, str], sentence: str) -> None:
    assert reason(source, **facts) == sentence


def test_every_source_has_a_sentence_of_its_own() -> None:
    assert len({reason(source) for source in SOURCES}) == len(SOURCES)


def test_a_long_title_is_cut_and_its_lines_are_joined() -> None:
    sentence = reason("collaborative", title="a\nb " + "c" * 500)
    assert "\n" not in sentence
    assert sentence.startswith('because you liked "a b c')
    assert len(sentence) == len("because you liked ") + LONGEST_TITLE + 2


def test_a_blank_title_is_not_quoted() -> None:
    assert reason("content", title="  ") == reason("content")


@pytest.mark.parametrize("source", [COLLABORATIVE, CONTENT])
@pytest.mark.parametrize("kind", [*DID, "unheard of"])
def test_the_quick_way_says_the_same(source: str, kind: str) -> None:
    assert because(source, kind, "A title") == reason(source, kind=kind, title="A title")
