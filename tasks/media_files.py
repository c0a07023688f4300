"""Media files as PyAV opens them: limits before any work, and errors that say what is wrong with the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from config.errors import InputError
from config.settings import Settings
from storage.objects import ObjectStore

#: width times height; a frame of 8K has 33 million
_MOST_PIXELS = 40_000_000
#: behind so many faults nothing is looked for
_MOST_FAULTS = 50
_PICTURES = frozenset({"image2", "image2pipe", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe"})
#: formats that hold their own sound and pictures; a playlist could name other files and addresses
_LISTS = ("hls", "dash", "concat", "concatf", "ffconcat", "sdp", "rtsp", "imf")


@dataclass(frozen=True)
class Opened:
    """A file that is open: the container of PyAV, and how long it says it is (None: it does not say)."""

    container: Any
    seconds: float | None
    start: float

    @property
    def video(self) -> Any:
        """The video stream.

        Raises:
            InputError: there is none, or its frames are too large.
        """
        for stream in self.container.streams.video:
            if _attached(stream):
                continue
            if stream.codec_context is None:
                raise InputError("The video's codec is not known.", hint="Send H.264, HEVC, VP9 or AV1.")
            if stream.codec_context.width * stream.codec_context.height > _MOST_PIXELS:
                raise InputError("The video's frames are too large.", hint="Send 8K at most.")
            return stream
        raise InputError("The file has no video track.", hint="Send a video.")

    @property
    def sound(self) -> Any:
        """The first sound stream. Raises InputError where there is none."""
        for stream in self.container.streams.audio:
            if stream.codec_context is not None:
                return stream
        raise InputError("The file has no sound track.", hint="Send a file with sound.")

    def decoded(self, stream: Any) -> Iterator[Any]:
        """The frames of a stream, or its pieces of sound. Damage between them is passed over, and they end
        where nothing more can be decoded.
        """
        import av

        faults = 0
        packets = self.container.demux(stream)
        while faults < _MOST_FAULTS:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError:
                faults += 1
                continue
            yield from frames

    def require_sound(self) -> None:
        """Raise InputError where there is no sound track."""
        _ = self.sound


@contextmanager
def open_object(settings: Settings, store: ObjectStore, key: str) -> Iterator[Opened]:
    """Open an object of a bucket; it is read in ranges, and nothing is written to disk.

    Raises:
        InputError: it is larger or longer than the settings allow, empty, or no media file.
        ObjectNotFound: there is none.
    """
    _check_size(settings, store.stat(key).size)
    with store.open(key) as file, _opened(settings, file) as opened:
        yield opened


@contextmanager
def open_path(settings: Settings, path: Path) -> Iterator[Opened]:
    """Open a file of this machine. Raises InputError as :func:`open_object` does."""
    _check_size(settings, path.stat().st_size)
    with path.open("rb") as file, _opened(settings, file) as opened:
        yield opened


@contextmanager
def media_errors() -> Iterator[None]:
    """FFmpeg's errors as InputError."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise InputError(
            f"The file cannot be read as video or sound: {error.strerror}.",
            hint="It may be cut off or damaged.",
        ) from error


def check_seconds(settings: Settings, seconds: float) -> None:
    """Raise InputError where that is longer than MEDIA_MAX_SECONDS."""
    if seconds > settings.media_max_seconds:
        raise InputError(
            f"The file is longer than {settings.media_max_seconds:g} seconds.",
            hint="Send a shorter one, or raise MEDIA_MAX_SECONDS.",
        )


def _check_size(settings: Settings, size: int) -> None:
    if size == 0:
        raise InputError("The file is empty.", hint="Upload it again.")
    if size > settings.media_max_bytes:
        raise InputError(
            f"The file has {size} bytes; {settings.media_max_bytes} are worked on at most.",
            hint="Send a smaller one, or raise MEDIA_MAX_BYTES.",
        )


@contextmanager
def _opened(settings: Settings, file: BinaryIO) -> Iterator[Opened]:
    import av

    with media_errors():
        container = av.open(file, mode="r", metadata_errors="replace", buffer_size=262_144, io_open=_refuse)
    try:
        names = container.format.name.split(",")
        if any(name in _LISTS for name in names):
            raise InputError("A play list is no media file.", hint="Send the video itself.")
        if any(name in _PICTURES for name in names):
            raise InputError("The file has no video track.", hint="It is a picture; send a video.")
        seconds = _seconds(container)
        check_seconds(settings, seconds or 0.0)
        yield Opened(container, seconds, max(0.0, (container.start_time or 0) / av.time_base))
    finally:
        container.close()


def _refuse(*_: Any) -> Any:
    raise InputError("The file names another file.", hint="Send the video itself.")


def _seconds(container: Any) -> float | None:
    import av

    if container.duration is not None and container.duration > 0:
        return float(container.duration) / float(av.time_base)
    told = [
        float(stream.duration * stream.time_base)
        for stream in container.streams
        if stream.duration and stream.time_base
    ]
    return max(told, default=None)


def _attached(stream: Any) -> bool:
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)
