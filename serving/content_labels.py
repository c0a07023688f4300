"""What a person may say is the right answer, family by family, as it is kept."""

from __future__ import annotations

from collections.abc import Callable

from config.errors import InputError

Read = Callable[[str, str], str | None]
LONGEST_CATEGORY = 100


def kept_label(family: str, text: str, given: str) -> str:
    """The label of ``text`` as ``text_labels`` has it.

    Args:
        family: ``moderation``, ``sentiment``, ``topics`` or ``entities``.
        text: what is labelled; names are places in it.
        given: as the person wrote it.

    Raises:
        InputError: it is no label of the family; the message tells why.
    """
    label = given.strip()
    if family == "entities":
        from models.entities.labels import label_of

        return label_of(text, label)
    if family == "topics":
        if not label or len(label) > LONGEST_CATEGORY:
            raise InputError(f"a category has 1 to {LONGEST_CATEGORY} characters")
        return label
    read, known = _sentiments() if family == "sentiment" else _moderation()
    found = read(label, "")
    if found is None:
        raise InputError(f"'{label[:60]}' is none of {', '.join(known)}")
    return found


def _sentiments() -> tuple[Read, tuple[str, ...]]:
    from models.sentiment.labels import read_label
    from models.sentiment.lexicon import CLASSES

    return read_label, CLASSES


def _moderation() -> tuple[Read, tuple[str, ...]]:
    from models.moderation.labels import CLASSES, read_label

    return read_label, CLASSES
