"""What of an analysis is kept while versions are compared: what was answered, not what was written.

Names of people stand in texts that nobody asked to keep. Of them there is a digest by a key that one process
makes up and forgets: what it said of the same text by two versions can be compared, and nothing found out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from config.once import once


def kept(family: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Of the answer of a family of the analysis what is compared.

    Args:
        family: ``sentiment``, ``topics`` or ``entities``.
        answer: with the fields of :meth:`models.analysis.Analyzer.part`.

    Returns:
        ``label`` and ``score``; or ``items``, which are equal where the answers are.
    """
    if family == "sentiment":
        return {"label": answer["sentiment"], "score": answer["sentiment_score"]}
    if family == "topics":
        return {"items": [f"{what}/{name}" for what in ("categories", "topics") for name in answer[what]]}
    return {"items": sorted({digest(f"{one['type']}/{one['text']}") for one in answer["entities"]})}


def digest(name: str) -> str:
    """16 hexadecimal digits that are the same for the same name in this process, and say nothing elsewhere."""
    return hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8, key=_key()).hexdigest()


@once
def _key() -> bytes:
    return secrets.token_bytes(32)
