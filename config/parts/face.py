"""Settings of face, and of the images that any service opens."""

from __future__ import annotations

from pydantic import Field, field_validator

from config.parts.base import Commas, Part


class FaceSettings(Part):
    """Classes, training and gate of face."""

    # -- face ------------------------------------------------------------------------------------------------
    face_classes: Commas[str] = Field(
        (
            "Aristocratic", "Business", "Fire", "Fragile", "Heroin", "Inferno", "Melting", "Queen",
            "Renaissance", "Serious", "Soft", "Strong", "Sunny", "Vintage", "Warm",
        ),
        description="Face styles that a photo may be of.",
    )  # fmt: skip
    face_min_training_samples: int | None = Field(
        300, ge=1, description="Gate of face: fewest training photos, in place of MIN_TRAINING_SAMPLES."
    )
    face_retrain_accuracy_threshold: float | None = Field(
        0.6, ge=0, le=1, description="Gate of face, in place of RETRAIN_ACCURACY_THRESHOLD."
    )
    face_near_duplicate_bits: int = Field(
        4,
        ge=0,
        le=32,
        description="Near duplicates differ in at most this many bits of their perceptual hashes.",
    )
    face_device: str = Field(
        "auto",
        description="Where face trains: `auto` (the GPU where there is one), `cpu`, `cuda:0`, or several, as"
        " `cuda:0,cuda:1`, for distributed training.",
    )
    face_cache_mb: int = Field(
        512,
        ge=16,
        description="Memory for prepared photos in training; what does not fit is read again each epoch.",
    )
    face_backbone: str | None = Field(
        None,
        description="Weights that the backbone begins with: a safetensors file, or an artifact's key.",
    )
    face_detector: str | None = Field(
        None,
        description="YuNet face detector: an ONNX file, or an artifact's key. Unset: OpenCV's cascade.",
    )
    face_max_body_bytes: int = Field(
        67_108_864, ge=1024, description="Largest request body that the face service reads."
    )
    image_max_bytes: int = Field(15_728_640, ge=1024, description="Largest image file that is opened.")
    image_max_pixels: int = Field(50_000_000, ge=4096, description="Most pixels of an image that is opened.")

    @field_validator("face_classes")
    @classmethod
    def _classes_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.casefold() for name in value}) < max(2, len(value)) or not all(value):
            raise ValueError("must be at least two different names, such as Serious,Soft,Warm")
        return value
