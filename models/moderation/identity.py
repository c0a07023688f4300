"""Neutral sentences about who people are: a model must not flag them because of the people that they name.

The test set is a grid of templates and terms that training never sees (after Dixon et al. 2018, "Measuring and
mitigating unintended bias in text classification"). Training sees sentences of other templates as clean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

#: group -> terms, one that fits "a ... person" first where there is one. English.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "women": ("female", "woman", "women", "girl", "girls", "mother"),
    "men": ("male", "man", "men", "boy", "boys", "father"),
    "gay and lesbian": ("gay", "lesbian", "homosexual", "queer", "lgbt"),
    "transgender": ("transgender", "trans", "nonbinary"),
    "black": ("black", "african american", "african", "nigerian"),
    "white": ("white", "caucasian", "european"),
    "asian": ("asian", "chinese", "japanese", "korean", "indian"),
    "latino": ("latino", "hispanic", "mexican", "latina"),
    "arab": ("arab", "middle eastern", "turkish", "syrian"),
    "jewish": ("jewish", "jew", "jews", "israeli"),
    "muslim": ("muslim", "muslims", "islamic", "islam"),
    "christian": ("christian", "christians", "catholic"),
    "hindu": ("hindu", "sikh", "buddhist"),
    "migrants": ("immigrant", "immigrants", "refugee", "refugees", "migrant"),
    "disabled": ("disabled", "deaf", "blind", "autistic", "wheelchair"),
    "old": ("elderly", "old"),
}
_PERSON = (
    "female", "male", "gay", "lesbian", "homosexual", "transgender", "black", "white", "asian", "chinese",
    "indian", "hispanic", "mexican", "arab", "turkish", "jewish", "muslim", "christian", "hindu", "deaf",
    "blind", "disabled",
)  # fmt: skip
_TEST = (
    "I met a {} person at the library today.",
    "My neighbour is {} and teaches maths.",
    "The interview with the {} author was interesting.",
    "We watched a documentary about {} history last night.",
    "She grew up in a {} family near the coast.",
    "There is a new {} student in our class.",
)
_TRAIN = (
    "A {} doctor opened a practice in our street.",
    "My best friend is {}.",
    "He has worked with {} people for years.",
    "I am a {} parent of two kids.",
    "This book is about the life of a {} artist.",
    "Our team hired a {} engineer last week.",
    "The {} community is holding a festival on Sunday.",
    "Being {} is part of who I am.",
    "Many {} people live in this city.",
    "The {} musician played a great show.",
)
#: language -> (terms, templates for testing, templates for training)
_OTHERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "de": (
        ("schwul", "lesbisch", "muslimisch", "jüdisch", "christlich", "schwarz", "türkisch", "gehörlos"),
        ("Meine Nachbarin ist {} und backt gern Kuchen.", "Mein neuer Kollege ist {}."),
        ("Ein Freund von mir ist {}.", "Die Lehrerin unserer Tochter ist {}."),
    ),
    "fr": (
        ("homosexuel", "musulman", "juif", "chrétien", "noir", "arabe", "chinois", "sourd"),
        ("Mon voisin est {} et il aime le jardinage.", "Mon nouveau collègue est {}."),
        ("Un ami à moi est {}.", "Le professeur de ma fille est {}."),
    ),
    "es": (
        ("homosexual", "musulmán", "judío", "cristiano", "negro", "árabe", "mexicano", "sordo"),
        ("Mi vecino es {} y le gusta cocinar.", "Mi nuevo compañero es {}."),
        ("Un amigo mío es {}.", "El profesor de mi hija es {}."),
    ),
    "pt": (
        ("homossexual", "muçulmano", "judeu", "cristão", "negro", "árabe", "chinês", "surdo"),
        ("Meu vizinho é {} e gosta de futebol.", "Meu novo colega é {}."),
        ("Um amigo meu é {}.", "O professor da minha filha é {}."),
    ),
}


@dataclass(frozen=True)
class Sentence:
    """A neutral sentence, its language, and the term that it has."""

    text: str
    language: str
    term: str


@lru_cache(maxsize=1)
def test_sentences() -> tuple[Sentence, ...]:
    """The sentences that every evaluation asks about. Never learned from."""
    return _made(_TEST, 1)


@lru_cache(maxsize=1)
def training_sentences() -> tuple[Sentence, ...]:
    """Sentences of other templates, that training sees as clean."""
    return _made(_TRAIN, 2)


def _made(templates: tuple[str, ...], part: int) -> tuple[Sentence, ...]:
    found = [Sentence(one.format(term), "en", term) for one in templates for term in _PERSON]
    for language, parts in _OTHERS.items():
        found += [Sentence(one.format(term), language, term) for one in parts[part] for term in parts[0]]
    return tuple(found)


def groups_of(normalised: str) -> list[str]:
    """Which groups a normalised text mentions, by its words."""
    words = f" {' '.join(''.join(sign if sign.isalnum() else ' ' for sign in normalised).split())} "
    return [name for name, terms in GROUPS.items() if any(f" {term} " in words for term in terms)]


test_sentences.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test otherwise
