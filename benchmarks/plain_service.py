"""The viral service as a good team would write it with FastAPI: what ours is measured against.

A pydantic model a request, our own quick feature rows (a team's pandas code for them costs more), a DataFrame
of them with their names, ``booster.predict``, calibrated chances, the same answer without contributions. It
loads the same model files (``MODEL_FILES``: a folder), and LightGBM is told to use one thread, which is what
suits one row best.
Recording a prediction is left out: what the team would do about that is another service's work.
"""

from __future__ import annotations

import json
import math
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from models.viral.answer import answer
from models.viral.calibration import Calibration
from models.viral.features import FEATURES, feature_rows
from models.viral.masking import CASES, known_case
from models.viral.options import ViralOptions


class Video(BaseModel):
    """The request's fields."""

    model_config = ConfigDict(extra="forbid")

    views: int = Field(ge=0)
    video_id: str | None = None
    taken_at: datetime | None = None
    likes: int | None = Field(None, ge=0)
    comments: int | None = Field(None, ge=0)
    shares: int | None = Field(None, ge=0)
    bookmarks: int | None = Field(None, ge=0)
    creator_id: str | None = None
    creator_followers: int | None = Field(None, ge=0)
    creator_following: int | None = Field(None, ge=0)
    creator_videos: int | None = Field(None, ge=0)
    creator_verified: bool | None = None
    published_at: datetime | None = None
    title: str | None = None
    description: str | None = None
    category: str | None = None
    language: str | None = None
    country: str | None = None
    video_duration: float | None = Field(None, ge=0)
    video_width: int | None = Field(None, ge=1)
    video_height: int | None = Field(None, ge=1)
    has_music: bool | None = None
    song_duration: float | None = Field(None, ge=0)
    is_original_sound: bool | None = None
    sound_uses: int | None = Field(None, ge=0)
    previous_views: int | None = Field(None, ge=0)
    previous_taken_at: datetime | None = None


class Answer(BaseModel):
    """The answer's fields."""

    viral_class: str
    viral_score: float
    confidence: float
    probabilities: dict[str, float]
    expected_views: float
    model_version: str
    prediction_time_ms: float


class Batch(BaseModel):
    """At most 100 videos."""

    videos: list[Video] = Field(min_length=1, max_length=100)


_folder = Path(os.environ["MODEL_FILES"])
_facts = json.loads((_folder / "model.json").read_text())
_booster = lightgbm.Booster(model_file=str(_folder / "model.txt"))
_calibrations = [Calibration(**_facts["calibration"][case]) for case in CASES]
_options = ViralOptions.restore(_facts["options"])
_thresholds = tuple(_options.log_thresholds.tolist())
_views = FEATURES.index("views_log")

app = FastAPI(title="Viral prediction")


def predict_rows(videos: list[Video]) -> list[dict[str, Any]]:
    """Answers by one DataFrame for all rows."""
    now = datetime.now(UTC)
    matrix = feature_rows([{**video.model_dump(), "taken_at": video.taken_at or now} for video in videos])
    features = pd.DataFrame(matrix, columns=list(FEATURES))
    scores = _booster.predict(features, num_threads=1)
    return [_answer(row, float(mu)) for row, mu in zip(matrix, scores, strict=True)]


def _answer(row: np.ndarray, mu: float) -> dict[str, Any]:
    log_views = float(row[_views])
    assert not math.isnan(log_views)
    calibration = _calibrations[known_case(row)]
    chances = calibration.probabilities(mu, log_views, _thresholds)
    return answer(_options.classes, _thresholds, chances, log_views + calibration.growth(mu))


@app.post("/predict")
def predict(video: Video) -> Answer:
    """One video."""
    started = time.perf_counter()
    found = predict_rows([video])[0]
    return Answer(**found, model_version="1", prediction_time_ms=1000 * (time.perf_counter() - started))


@app.post("/predict/batch")
def predict_batch(batch: Batch) -> list[Answer]:
    """Many videos."""
    started = time.perf_counter()
    answers = predict_rows(batch.videos)
    took = 1000 * (time.perf_counter() - started) / len(answers)
    return [Answer(**found, model_version="1", prediction_time_ms=took) for found in answers]
