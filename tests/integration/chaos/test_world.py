"""The suite's sample world: what content and faces learn from is taken in, and none of it is asked about."""

from __future__ import annotations

from datetime import UTC, datetime

from chaos.publishing import FILM
from chaos.suite import UNSEEN
from chaos.world import PORTRAITS, STYLES, TEXTS, import_content, portraits
from config.settings import Settings
from storage.objects import open_store
from tasks.platform import Platform


def test_texts_portraits_and_a_film_are_taken_in(settings: Settings) -> None:
    said: list[str] = []
    own = settings.model_copy(update={"face_classes": STYLES})
    import_content(own, datetime.now(UTC).date(), said.append)
    assert f"{TEXTS} moderation-labels read, {TEXTS} in the database, 0 set aside" in said[0]
    parts = Platform(own)
    try:
        gold = parts.datasets.latest("face", "gold")
    finally:
        parts.close()
    assert gold is not None
    assert gold.rows == len(STYLES) * PORTRAITS
    assert open_store(own, own.media_bucket).stat(FILM).size > 1000


def test_what_is_asked_about_was_not_learned_from() -> None:
    assert len(set(portraits(12)) | set(portraits(12, UNSEEN))) == 24
    assert portraits(3) == portraits(3)
