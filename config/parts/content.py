"""Settings of the content pipeline: moderation, analysis, media."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from config.parts.base import Part, split_commas


class ContentSettings(Part):
    """Thresholds of moderation, the gates of its families, webhooks and media."""

    # -- content: moderation, analysis, media ----------------------------------------------------------------
    ml_nsfw_threshold: float = Field(0.7, gt=0, lt=1, description="Pictures this probably NSFW are rejected.")
    ml_spam_threshold: float = Field(0.8, gt=0, lt=1, description="Texts this probably spam are rejected.")
    ml_violence_threshold: float = Field(
        0.75, gt=0, lt=1, description="Pictures this probably violent are rejected."
    )
    ml_hate_speech_threshold: float = Field(
        0.7, gt=0, lt=1, description="Texts this probably hate speech are rejected."
    )
    ml_toxicity_threshold: float = Field(
        0.9, gt=0, lt=1, description="Texts this probably toxic (insults, offence) are rejected."
    )
    moderation_review_at: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="From this share of a label's threshold on to the threshold, a person decides.",
    )
    moderation_flag_at: float = Field(
        0.35, gt=0, lt=1, description="From this share of a label's threshold on, content is flagged."
    )
    moderation_encoder: str | None = Field(
        None,
        description="Embedding encoder of texts: an ONNX file that takes texts and gives vectors, or an"
        " artifact's key. Unset: words and characters alone.",
    )
    moderation_min_training_samples: int | None = Field(
        300, ge=1, description="Gate of moderation: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    moderation_gate_floor: float | None = Field(
        0.6, ge=0, le=1, description="Gate of moderation: least macro-F1 of a version."
    )
    imagery_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of imagery: fewest training pictures, in place of MIN_TRAINING_SAMPLES."
    )
    imagery_retrain_accuracy_threshold: float | None = Field(
        0.7, ge=0, le=1, description="Gate of imagery, in place of RETRAIN_ACCURACY_THRESHOLD."
    )
    imagery_device: str = Field("auto", description="Where imagery trains, as FACE_DEVICE.")
    imagery_cache_mb: int = Field(512, ge=16, description="Memory for prepared pictures, as FACE_CACHE_MB.")
    imagery_backbone: str | None = Field(
        None, description="Weights that the backbone begins with: a safetensors file, or an artifact's key."
    )
    sentiment_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of sentiment: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    sentiment_gate_floor: float | None = Field(
        0.45, ge=0, le=1, description="Gate of sentiment: least macro-recall of a version."
    )
    topics_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of topics: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    topics_gate_floor: float | None = Field(
        0.4, ge=0, le=1, description="Gate of topics: least macro-F1 of a version."
    )
    entities_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of entities: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    entities_gate_floor: float | None = Field(
        0.1, ge=0, le=1, description="Gate of entities: least F1 of whole entities of a version."
    )
    analysis_languages: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Languages that are told apart, as codes: en,es,de. Unset: all that lingua knows.",
    )
    content_max_body_bytes: int = Field(
        33_554_432, ge=1024, description="Largest request body that the content service reads."
    )
    content_webhook_url: str | None = Field(
        None, description="Address that results of moderation, analysis and media work are posted to."
    )
    content_webhook_secret: SecretStr | None = Field(
        None, description="Secret that these posts are signed with (HMAC-SHA256)."
    )
    content_workers: int = Field(
        2,
        ge=1,
        le=64,
        description="Batches of contents, and beside them media jobs, that a content worker does at once.",
    )
    media_bucket: str = Field("content-media", description="Bucket of the content's media files (read only).")
    media_max_bytes: int = Field(2_147_483_648, ge=1024, description="Largest media file that is worked on.")
    media_max_seconds: float = Field(14_400.0, gt=0, description="Longest media file that is worked on.")
    caption_engine: Literal["auto", "whisper", "sphinx"] = Field(
        "auto",
        description="Speech to text: `whisper` (faster-whisper, needs CAPTION_MODEL), or `sphinx` (basic,"
        " English). `auto`: whisper where there is a model.",
    )
    caption_model: str | None = Field(
        None, description="faster-whisper model: a folder, or a prefix of the artifacts bucket."
    )

    @field_validator("analysis_languages", mode="before")
    @classmethod
    def _split_languages(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.lower() for part in split_commas(value) if part)

    @model_validator(mode="after")
    def _moderation_bands(self) -> Self:
        if self.moderation_flag_at > self.moderation_review_at:
            raise ValueError("MODERATION_FLAG_AT must not be above MODERATION_REVIEW_AT")
        return self

    @model_validator(mode="after")
    def _signed_webhook(self) -> Self:
        if self.content_webhook_url and self.content_webhook_secret is None:
            raise ValueError("CONTENT_WEBHOOK_URL needs CONTENT_WEBHOOK_SECRET: what is posted is signed")
        return self
