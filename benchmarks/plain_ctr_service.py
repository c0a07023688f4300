"""The CTR service as a good team would write it with FastAPI: what ours is measured against.

A pydantic model a request, our own quick feature rows (pandas code for them would cost more), a DataFrame of
them with their names, ``booster.predict``, and the same calibrated answer with its interval. It loads the
same model files (``MODEL_FILES``: a folder), and LightGBM is told to use one thread, as suits one row best.
Recording a prediction, and looking up what a question leaves out, are left out.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from models.ctr import interval
from models.ctr.calibration import pasts
from models.ctr.features import FEATURES, feature_rows
from models.ctr.linear import offsets
from models.ctr.predictor import TREES_FILE, load


class Question(BaseModel):
    """The request's fields."""

    model_config = ConfigDict(extra="forbid")

    clip_id: str | None = None
    at: datetime | None = None
    hour: int | None = Field(None, ge=0, le=23)
    placement: str | None = None
    audience: str | None = None
    group_id: str | None = None
    creator_id: str | None = None
    advertiser_id: str | None = None
    creative_id: str | None = None
    title: str | None = None
    hook_text: str | None = None
    category: str | None = None
    language: str | None = None
    duration: float | None = Field(None, ge=0)
    psychology_composite: float | None = None
    hook_strength: float | None = None
    novelty_score: float | None = None
    emotion_priority: float | None = None
    has_face: bool | None = None
    composite_score: float | None = None
    published_at: datetime | None = None
    clip_impressions: int | None = Field(None, ge=0)
    clip_clicks: int | None = Field(None, ge=0)
    creator_impressions: int | None = Field(None, ge=0)
    creator_clicks: int | None = Field(None, ge=0)
    advertiser_impressions: int | None = Field(None, ge=0)
    advertiser_clicks: int | None = Field(None, ge=0)


class Answer(BaseModel):
    """The answer's fields."""

    predicted_ctr: float
    predicted_band: str
    ctr_low: float
    ctr_high: float
    confidence: float
    clip_id: str | None
    model_version: str
    prediction_time_ms: float


_folder = Path(os.environ["MODEL_FILES"])
_model = load({path.name: path.read_bytes() for path in _folder.iterdir() if path.is_file()})
_booster = lightgbm.Booster(model_file=str(_folder / TREES_FILE))

app = FastAPI(title="CTR prediction")


def predict_rows(questions: list[Question]) -> list[dict[str, Any]]:
    """Answers by one DataFrame for all rows."""
    now = datetime.now(UTC)
    asked = [{**question.model_dump(), "at": question.at or now} for question in questions]
    matrix = feature_rows(asked, _model.fitted)
    features = pd.DataFrame(matrix, columns=list(FEATURES))
    odds = offsets(matrix, _model.weights) + _booster.predict(features, raw_score=True, num_threads=1)
    calibration = _model.calibration
    return interval.answers(calibration.mean(odds), calibration.phi(odds, *pasts(matrix)), _model.options)


@app.post("/predict/ctr")
def predict(question: Question) -> Answer:
    """One clip."""
    started = time.perf_counter()
    found = predict_rows([question])[0]
    took = 1000 * (time.perf_counter() - started)
    return Answer(**found, clip_id=question.clip_id, model_version="1", prediction_time_ms=took)
