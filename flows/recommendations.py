"""Recommendations made ahead: a list for each user who was active lately."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed

from tasks.recommendation_text import no_lists_report, no_lists_summary, recommendations_report
from tasks.recommendations import nothing_to_ask, refresh_lists
from tasks.reports import publish_report
from tasks.training import load_champion


@flow(name="refresh-recommendations", validate_parameters=True)
async def refresh_recommendations(
    user_ids: list[str] | None = None, item_kinds: list[str] | None = None, count: int = 50
) -> dict[str, Any] | State[Any]:
    """Compute the lists of users by the version in production, and store them.

    A run that was killed has stored the lists of some users; the next one stores those of all. Without a
    version in production it ends as skipped.

    Args:
        user_ids: whose lists; empty means those of everybody who was active lately.
        item_kinds: of what the lists are (video, post, user); empty means of videos.
        count: how many items a list has at most.
    """
    champion = load_champion("recommendation")
    if reason := nothing_to_ask(champion):
        skipped = no_lists_summary(reason)
        publish_report("refresh-recommendations", no_lists_report(reason), skipped)
        return Completed(name="Skipped", message=reason, data=skipped)
    summary = refresh_lists(champion, user_ids or None, item_kinds or ["video"], count)
    publish_report("refresh-recommendations", recommendations_report(summary), summary)
    return summary
