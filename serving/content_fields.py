"""Kinds of fields that the questions of the content service share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, with_config
from typing_extensions import TypedDict

from serving.fields import STRICT, Text, Word
from serving.validation import UNION_TAGS

MAX_IMAGES = 10
MAX_TAGS = 50
#: The limit of S3, in bytes; the store's own check goes further.
MAX_KEY = 1024
#: Base64 of the largest image that is ever opened, and some: a longer text is no image.
Kind = Annotated[Literal["video", "post", "comment"], Field(description="What the content is.")]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY)]
Tags = Annotated[list[Word], Field(max_length=MAX_TAGS)]
Language = Annotated[
    str, Field(max_length=35, description="As a code, such as en; the caller's word is taken.")
]
Title = Annotated[Text, Field(description="It counts as the beginning of the text.")]


@with_config(STRICT)
class StoredImage(TypedDict):
    """A picture that the media bucket has."""

    key: Annotated[Key, Field(description="Its key in the media bucket.")]


def _which(value: Any) -> str:
    return UNION_TAGS[0] if isinstance(value, dict) else UNION_TAGS[1]


#: A file in base64, or the key of one.
Image = Annotated[
    Annotated[StoredImage, Tag(UNION_TAGS[0])]
    | Annotated[str, Tag(UNION_TAGS[1]), Field(description="An image file in base64, or a data URL of one.")],
    Discriminator(_which),
]
