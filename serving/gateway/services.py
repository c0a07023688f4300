"""The services behind the gateway, and which models each has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from config.settings import Settings
from serving.gateway.figures import GatewayFigures
from serving.gateway.upstream import Service

VIRAL, RECOMMENDATION, CONTENT, CTR, FACE = "viral", "recommendation", "content", "ctr", "face"
#: model -> the service that has it.
MODELS = {
    "viral": VIRAL,
    "recommendation": RECOMMENDATION,
    "ctr": CTR,
    "face": FACE,
    "moderation": CONTENT,
    "imagery": CONTENT,
    "sentiment": CONTENT,
    "topics": CONTENT,
    "entities": CONTENT,
}
#: Names that backends used for the models of before.
ALIASES = {
    "nsfw_detector": "imagery",
    "violence_detector": "imagery",
    "spam_detector": "moderation",
    "hate_speech_detector": "moderation",
    "toxicity_detector": "moderation",
    "sentiment_analyzer": "sentiment",
    "topic_model": "topics",
    "ner": "entities",
    "recommender": "recommendation",
    "viral_predictor": "viral",
}


class Services:
    """Every service, by name."""

    def __init__(self, settings: Settings, figures: GatewayFigures | None = None) -> None:
        addresses = {
            VIRAL: settings.viral_service_url,
            RECOMMENDATION: settings.recommendation_service_url,
            CONTENT: settings.content_service_url,
            CTR: settings.ctr_service_url,
            FACE: settings.face_service_url,
        }
        self.all = {name: Service(name, url, settings, figures) for name, url in addresses.items()}
        self.viral = self.all[VIRAL]
        self.recommendation = self.all[RECOMMENDATION]
        self.content = self.all[CONTENT]

    async def health(self, names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """What each says of itself, asked at once."""
        asked = list(names or self.all)
        said = await asyncio.gather(*(self.all[name].health() for name in asked))
        return dict(zip(asked, said, strict=True))

    async def close(self) -> None:
        """Let all connections go."""
        for service in self.all.values():
            await service.close()
