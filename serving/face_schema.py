"""What the face service is asked and what it answers; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

MAX_IMAGES = 10
MAX_ID = 256
#: The limit of S3, in bytes; the store's own check goes further.
MAX_KEY = 1024

Image = Annotated[str, Field(description="An image file in base64, or a data URL of one.")]
Identifier = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY)]
Chance = Annotated[float, Field(ge=0, le=1)]

_STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class PredictRequest(TypedDict):
    """1 to 10 photos of one person. The images are looked at and forgotten: neither logged nor kept."""

    images: Annotated[list[Image], Field(min_length=1, max_length=MAX_IMAGES)]
    user_id: NotRequired[
        Annotated[Identifier | None, Field(description="Whose photos they are; the answer is then kept.")]
    ]
    photos: NotRequired[
        Annotated[
            list[Key] | None,
            Field(description="Key in the photo bucket of each image, in their order; needs user_id."),
        ]
    ]


#: ``class`` cannot be written as an attribute.
Classed = TypedDict("Classed", {"class": Annotated[str, Field(description="The most probable class.")]})
MaybeClassed = TypedDict(
    "MaybeClassed", {"class": NotRequired[Annotated[str, Field(description="The most probable class.")]]}
)


class ImageFault(TypedDict):
    """Why an image has no answer."""

    reason: Annotated[str, Field(description="In a few words, such as not an image, or too many pixels.")]
    message: Annotated[str, Field(description="One sentence that names the image.")]


class PhotoAnswer(MaybeClassed):
    """The answer for one image, or its ``error``."""

    index: Annotated[int, Field(ge=0, description="Which image of the request, from 0.")]
    confidence: NotRequired[Annotated[Chance, Field(description="Probability of class.")]]
    probabilities: NotRequired[dict[str, float]]
    none_of_these: NotRequired[
        Annotated[bool, Field(description="The photo is too unlike everything that the model has seen.")]
    ]
    distance: NotRequired[Annotated[float, Field(description="How far from the nearest class it lies.")]]
    face_box: NotRequired[
        Annotated[
            list[int] | None,
            Field(
                description="x, y, width, height of the largest face in the upright picture; null: none found."
            ),
        ]
    ]
    faces: NotRequired[Annotated[int, Field(ge=0, description="Faces that were found.")]]
    width: NotRequired[Annotated[int, Field(description="Of the upright picture, in pixels.")]]
    height: NotRequired[Annotated[int, Field(description="Of the upright picture, in pixels.")]]
    sha256: Annotated[str | None, Field(description="Of the image file; null where the base64 is broken.")]
    error: NotRequired[ImageFault]


class Prediction(Classed):
    """The answer for the person, from all photos that could be answered, and for each photo."""

    confidence: Annotated[Chance, Field(description="Probability of class.")]
    probabilities: Annotated[dict[str, float], Field(description="Of every class; they add up to 1.")]
    none_of_these: Annotated[
        bool, Field(description="The photos are too unlike everything that the model has seen.")
    ]
    photos: Annotated[list[PhotoAnswer], Field(description="One for each image, in their order.")]
    count: Annotated[int, Field(description="Images that were answered.")]
    model_version: Annotated[str, Field(description="Registry version that gave the answer.")]
    prediction_id: Annotated[str, Field(description="UUID under which the prediction is recorded.")]
    prediction_time_ms: Annotated[float, Field(description="From the parsed request on, in milliseconds.")]


class Classes(TypedDict):
    """The classes that an answer may have."""

    classes: list[str]
    model_version: Annotated[
        str | None, Field(description="The version they are of; null: of the settings, no model is loaded.")
    ]


#: A grey square of 8 pixels: valid, and short enough to be read.
EXAMPLE_IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR42mNsYIAAJgaKGAAmCACQtTEK"
    "kQAAAABJRU5ErkJggg=="
)
EXAMPLE_REQUEST: dict[str, Any] = {
    "images": [EXAMPLE_IMAGE],
    "user_id": "u-1001",
    "photos": ["u-1001/portrait.png"],
}
EXAMPLE_ANSWER: dict[str, Any] = {
    "class": "Serious",
    "confidence": 0.62,
    "probabilities": {"Serious": 0.62, "Soft": 0.25, "Warm": 0.13},
    "none_of_these": False,
    "photos": [
        {
            "index": 0,
            "class": "Serious",
            "confidence": 0.62,
            "probabilities": {"Serious": 0.62, "Soft": 0.25, "Warm": 0.13},
            "none_of_these": False,
            "distance": 0.31,
            "face_box": [212, 148, 390, 390],
            "faces": 1,
            "width": 960,
            "height": 1280,
            "sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
        },
        {
            "index": 1,
            "sha256": None,
            "error": {"reason": "not base64", "message": "images[1] cannot be used: not base64."},
        },
    ],
    "count": 1,
    "model_version": "3",
    "prediction_id": "019a9c3e-5a70-7c11-9d5e-0242ac120002",
    "prediction_time_ms": 6.4,
}
