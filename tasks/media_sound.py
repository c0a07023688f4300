"""The sound of a media file as speech engines take it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from config.errors import InputError
from config.settings import Settings
from models.media.speech import RATE
from tasks.media_files import Opened, check_seconds

_GAP = 0.2
_PIECE = 10 * RATE


def sound(settings: Settings, opened: Opened) -> Iterator[np.ndarray]:
    """Float32 pieces, mono, 16 kHz, from the file's second 0 on; a gap between them is filled with silence.

    A file that is cut off gives what can be decoded.

    Raises:
        InputError: there is no sound track, none of it can be decoded, or it is too long.
    """
    import av

    stream = opened.sound
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    given = 0
    for frame in opened.decoded(stream):
        if frame.pts is not None:
            at = float(frame.pts * frame.time_base) - opened.start
            check_seconds(settings, at)
            missing = round(at * RATE) - given
            while missing > _GAP * RATE:
                silence = np.zeros(min(missing, _PIECE), np.float32)
                given, missing = given + len(silence), missing - len(silence)
                yield silence
        frame.pts = None
        for piece in resampler.resample(frame):
            samples = piece.to_ndarray().reshape(-1)
            given += len(samples)
            check_seconds(settings, given / RATE)
            yield samples
    if not given:
        raise InputError("None of the file's sound can be decoded.", hint="It may be cut off or damaged.")
    for piece in resampler.resample(None):
        yield piece.to_ndarray().reshape(-1)
