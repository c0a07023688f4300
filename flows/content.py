"""Content: moderation, analysis, captions, thumbnails and virality of what somebody names.

What is published is looked at by itself, by the content worker; these are for doing it again, by hand or from
another program.
"""

from __future__ import annotations

from typing import Any, Literal

from prefect import flow

from tasks.content_runs import analyze_contents, media_work, moderate_contents, predict_virality
from tasks.content_text import content_report
from tasks.reports import publish_report
from tasks.training import load_champion


@flow(name="moderate-content", flow_run_name="moderate {kind}s", validate_parameters=True)
async def moderate(kind: Literal["video", "post", "comment"], content_ids: list[str]) -> dict[str, Any]:
    """Moderate contents by the versions in production; of videos the frames too.

    Args:
        kind: what they are.
        content_ids: which.
    """
    summary = moderate_contents(content_ids, kind)
    publish_report(f"moderate-{kind}", content_report(f"Moderation of {kind}s", summary), summary)
    return summary


@flow(name="analyze-content", validate_parameters=True)
async def analyze(content_ids: list[str]) -> dict[str, Any]:
    """Tags, categories, sentiment, language, topics and names of contents.

    Args:
        content_ids: which.
    """
    summary = analyze_contents(content_ids)
    publish_report("analyze-content", content_report("Analysis", summary), summary)
    return summary


@flow(name="generate-media", flow_run_name="generate {kind}", validate_parameters=True)
async def generate(kind: Literal["captions", "thumbnails"], content_ids: list[str]) -> dict[str, Any]:
    """Captions or thumbnails of videos.

    Args:
        kind: what is made.
        content_ids: ids of contents with a video, or keys in the media bucket.
    """
    summary = media_work(kind, content_ids)
    publish_report(f"generate-{kind}", content_report(kind.capitalize(), summary), summary)
    return summary


@flow(name="predict-virality", validate_parameters=True)
async def virality(video_ids: list[str]) -> dict[str, Any]:
    """Predict how far videos will go from their latest snapshots, and record it as the service does.

    Args:
        video_ids: which.
    """
    summary = predict_virality(video_ids, load_champion("viral"))
    publish_report("predict-virality", content_report("Virality", summary), summary)
    return summary
