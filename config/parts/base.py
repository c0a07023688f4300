"""What all parts of the settings share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

T = TypeVar("T")


class Part(BaseModel):
    """A section of the settings; its validator is built only as a part of the whole."""

    model_config = ConfigDict(frozen=True, defer_build=True)


def split_commas(value: Any) -> Any:
    """The parts of a text with commas, without blanks around them; anything else as it is."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


#: A tuple that is written as a text with commas.
Commas = Annotated[tuple[T, ...], NoDecode, BeforeValidator(split_commas)]


def address(url: str | None, port: int) -> str:
    """``url``, or where it is unset ``port`` on this machine; never with a slash at its end."""
    return (url or f"http://127.0.0.1:{port}").rstrip("/")
