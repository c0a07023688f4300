from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import SettingsError
from models.analysis import Analyzer
from models.analysis.keywords import MOST_TAGS, keywords, tags_of
from models.analysis.language import LanguageFinder
from models.common_words import hits
from models.entities.tokens import tokenize

#: Seconds that no text may take, however long or strange; far above what they take.
LIMIT = 5.0
TEXTS = [
    "I love Emma Watson in Paris with @bob 😍 #fun https://example.com/#not_a_tag",
    "Mañana vamos a la playa con mis amigos. See you there at the beach tomorrow!",
    "",
    "😀",
    "👎👎",
    "   ",
    "ok",
    "12345",
    "@bob @eve",
    "أهلا وسهلا بكم في قناتي. Welcome to my channel everyone",
    "\ud800 half a character",
]


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


def one(analyzer, text, **more):
    return analyzer.analyze([text], **more)[0]


def test_a_batch_answers_as_its_texts_do_one_by_one(analyzer):
    assert analyzer.analyze(TEXTS) == [one(analyzer, text) for text in TEXTS]


def test_no_texts_give_no_answers(analyzer):
    assert analyzer.analyze([]) == []


def test_texts_without_words_have_no_language_and_emojis_tell_their_feeling(analyzer):
    for text in ("", "   ", "12345", "@bob https://example.com/hello-world"):
        found = one(analyzer, text)
        assert (found["language"], found["languages"], found["sentiment"]) == (None, [], "neutral")
    glad, angry = one(analyzer, "😍"), one(analyzer, "👎🏽 😡")
    assert glad["sentiment"] == "positive"
    assert glad["sentiment_score"] > 0.3
    assert glad["language"] is None
    assert angry["sentiment"] == "negative"
    assert angry["sentiment_score"] < -0.3


def test_emojis_tell_where_a_model_is_given_too(analyzer):
    class Gloomy:
        def sentiments(self, texts):
            return [{"label": "negative", "score": -1.0} for _ in texts]

    gloomy = Analyzer(sentiment=Gloomy(), finder=analyzer.finder)
    assert [each["sentiment"] for each in gloomy.analyze(["😍", "fine", "🎉"])] == [
        "positive", "negative", "positive",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Parlez-vous français? Ich spreche Französisch nur ein bisschen.", {"fr", "de"}),
        ("Привет, как дела? I am fine thanks, how about you my friend?", {"ru", "en"}),
        ("今日はいい天気ですね。 Let's go to the park.", {"ja", "en"}),
        ("I went to the market. I bought some apples. Then I slept for ten hours.", {"en"}),
    ],
)
def test_mixed_texts_have_languages_with_shares_and_others_one(analyzer, text, codes):
    found = one(analyzer, text)["languages"]
    assert {each["language"] for each in found} == codes
    assert sum(each["share"] for each in found) == pytest.approx(1.0, abs=0.01)
    assert found == sorted(found, key=lambda each: -each["share"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("best video ever", "en"), ("This is amazing bro", "en"), ("obrigado pelo vídeo", "pt"),
        ("che bella giornata", "it"), ("เพลงเพราะมาก", "th"), ("日本", "zh"),
        ("#hello @world это правда", "ru"),
    ],
)  # fmt: skip
def test_a_few_words_are_enough_for_the_language(analyzer, text, code):
    assert one(analyzer, text)["language"] == code


def test_few_languages_are_told_apart_by_the_large_models():
    finder = LanguageFinder(("EN", "es"))
    assert finder.large
    assert "large" in finder.name
    assert [found[0] for found in finder.find(["ich gehe", "mañana"])][1] == "es"


@pytest.mark.parametrize("codes", [("en",), ("en", "klingon")])
def test_languages_that_cannot_be_told_apart_are_refused(codes):
    with pytest.raises(SettingsError, match="ANALYSIS_LANGUAGES"):
        LanguageFinder(codes)


def test_tags_are_given_ones_then_hashtags_then_keywords_then_what_was_seen():
    text = (
        "Amazing AI tutorial on machine learning with OpenAI! #AI #DeepLearning https://x.com/#frag www.a.com"
    )
    found = tags_of(text, given=["#Foo  Bar"], visual=["cat", "dog", "tree", "car"])
    assert found[:3] == ["foo bar", "ai", "deeplearning"]
    assert ("machine learning" in found and found[-2:] == ["dog", "tree"][-2:]) or found[-1] in (
        "dog",
        "tree",
        "car",
    )
    assert len(found) == MOST_TAGS
    assert "frag" not in found
    assert not any("http" in tag or "www" in tag or "x.com" in tag for tag in found)


def test_a_tag_is_listed_once_however_it_is_written():
    assert tags_of("#DeepLearning, deep learning. Deep-Learning!", given=["deeplearning"]) == ["deeplearning"]


def test_keywords_hold_no_common_words_and_names_come_first():
    found = keywords("When girls become fans of the Packers, do they know who Aaron Rodgers is?", "en")
    assert found[0] == "aaron rodgers"
    assert not any(word in ("when", "the", "who", "is") for tag in found for word in tag.split())


def test_names_are_found_by_rules_without_a_model(analyzer):
    found = one(analyzer, TEXTS[0])
    named = {(each["text"], each["type"]) for each in found["entities"]}
    assert {("Emma Watson", "name"), ("@bob", "account"), ("#fun", "hashtag")} <= named
    assert found["categories"] == []
    assert found["topics"] == []


def test_parts_tell_what_answered(analyzer):
    assert one(analyzer, "x")["parts"] == {
        "language": analyzer.finder.name, "tags": "rules", "sentiment": "lexicon", "categories": "no model",
        "topics": "no model", "entities": "rules",
    }  # fmt: skip

    class Sporty:
        def topics(self, texts):
            return [
                {"categories": [{"name": "sports", "score": 0.9}], "topics": [{"name": "goal", "score": 0.5}]}
                for _ in texts
            ]

    found = one(Analyzer(topics=Sporty(), finder=analyzer.finder, versions={"topics": "4"}), "A goal")
    assert (found["categories"], found["topics"], found["parts"]["topics"]) == (["sports"], ["goal"], "4")
    assert found["category_scores"] == {"sports": 0.9}


def test_a_title_counts_as_the_beginning_of_its_text(analyzer):
    found = analyzer.analyze(["with Emma Watson today"], titles=["This is great"], tags=[["Films"]])[0]
    assert found["sentiment"] == "positive"
    assert found["tags"][0] == "films"
    place = next(each for each in found["entities"] if each["text"] == "Emma Watson")
    assert "This is great\nwith Emma Watson today"[place["start"] : place["end"]] == "Emma Watson"


@pytest.mark.parametrize(
    "piece", ["a", "good bad ", "é. ", "#a ", "@", "a@", "A. ", "<", "a.b-", "www.", "'s", "👍", "&a", "A-"]
)  # fmt: skip
def test_a_text_of_any_length_takes_a_bounded_time(analyzer, piece):
    import time

    began = time.perf_counter()
    found = one(analyzer, piece * (200_000 // len(piece)))
    assert time.perf_counter() - began < LIMIT
    assert len(found["tags"]) <= MOST_TAGS
    assert len(found["entities"]) <= 50


@settings(max_examples=60, deadline=timedelta(seconds=LIMIT))
@given(st.lists(st.text(st.characters(codec=None), max_size=200), max_size=4))
def test_any_text_is_answered(analyzer, texts):
    for text, found in zip(texts, analyzer.analyze(texts), strict=True):
        assert -1.0 <= found["sentiment_score"] <= 1.0
        assert found["sentiment"] in ("negative", "neutral", "positive")
        assert len(found["tags"]) == len(set(found["tags"])) <= MOST_TAGS
        for each in found["entities"]:
            assert 0 <= each["start"] < each["end"] <= len(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_tokens_lie_in_the_text_in_order(text):
    end = 0
    for token in tokenize(text):
        assert end <= token.start < token.end <= len(text)
        assert text[token.start : token.end] == token.text
        end = token.end


def test_common_words_speak_for_every_language_that_has_them():
    found = hits("de la casa")
    assert {"es", "fr"} <= set(found)
    assert found["es"] >= 2
