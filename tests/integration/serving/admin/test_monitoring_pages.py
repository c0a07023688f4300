"""The pages of the monitor without a browser: what is wrong, trends, reports."""

from __future__ import annotations

import dataclasses
import html
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from config.settings import Settings
from storage.monitor import open_or_touch
from storage.objects import open_store
from tests.integration.serving.admin.conftest import Visitor
from tests.monitor_pages_world import AWAY, DRIFT, OVER, fill, report_key

NOW = datetime.now(UTC)


@pytest.fixture
def viewer(visitor: Visitor, engine: Engine) -> httpx.Client:
    fill(engine, NOW)
    return visitor("viewer")


def text_of(answer: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_before_the_first_run_the_page_says_how_to_run_the_monitor(visitor: Visitor) -> None:
    said = text_of(visitor("viewer").get("/monitoring"))
    assert "The monitor has not run yet" in said
    assert "assay monitor" in said


def test_what_is_wrong_stands_first_the_worst_on_top(viewer: httpx.Client) -> None:
    said = text_of(viewer.get("/monitoring"))
    assert said.index(AWAY.sentence) < said.index(DRIFT.sentence)
    assert OVER.sentence not in said
    assert "The run retrain-viral was started." in said


def test_the_home_page_names_the_worst_finding_and_counts_all(viewer: httpx.Client) -> None:
    said = text_of(viewer.get("/"))
    assert AWAY.sentence in said
    assert "All 2 findings of the monitor" in said


def test_a_family_shows_its_findings_past_ones_and_trends_with_the_change_of_version(
    viewer: httpx.Client,
) -> None:
    answer = viewer.get("/monitoring/viral?days=90")
    said = text_of(answer)
    assert DRIFT.sentence in said
    assert AWAY.sentence not in said
    assert said.index("What was wrong") < said.index(OVER.sentence)
    assert "As a table (1 change of version)" in said
    assert answer.text.count('class="trend-line"') == 3
    assert answer.text.count('class="trend-band"') == 1


def test_a_shorter_span_shows_fewer_days(viewer: httpx.Client) -> None:
    assert viewer.get("/monitoring/viral?days=90").text.count("<tr><th") > viewer.get(
        "/monitoring/viral?days=30"
    ).text.count("<tr><th")
    assert viewer.get("/monitoring/viral?days=31").status_code == 422


def test_the_largest_drift_stands_first_and_a_finding_does_not_lead_to_its_own_page(
    viewer: httpx.Client, engine: Engine
) -> None:
    larger = dataclasses.replace(DRIFT, subject="feature views", sentence="Views fell.", figures={"psi": 0.9})
    open_or_touch(engine, [DRIFT, larger], ran={("drift", "viral")}, at=NOW)
    answer = viewer.get("/monitoring/viral")
    said = text_of(answer)
    assert said.index(larger.sentence) < said.index(DRIFT.sentence)
    assert "Look at it" not in said
    assert "Look at it" in text_of(viewer.get("/monitoring"))


def test_the_platform_has_a_page_of_its_own(viewer: httpx.Client) -> None:
    said = text_of(viewer.get("/monitoring/platform"))
    assert AWAY.sentence in said
    assert "disk: free share" in said


def test_a_report_is_served_as_it_was_written_and_may_run_nothing(
    viewer: httpx.Client, settings: Settings
) -> None:
    written = b"<!doctype html><style>p{color:red}</style><p>As it was.</p>"
    open_store(settings).put(report_key(NOW.date()), written)
    answer = viewer.get(f"/monitoring/viral/reports/{NOW.date()}")
    assert answer.content == written
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_a_report_that_is_not_there_is_said_to_be_missing(viewer: httpx.Client) -> None:
    gone = viewer.get(f"/monitoring/viral/reports/{NOW.date() - timedelta(days=1)}")
    assert gone.status_code == 404
    assert "not in the object store" in gone.text
    assert viewer.get("/monitoring/viral/reports/2020-01-01").status_code == 404
    assert viewer.get("/monitoring/viral/reports/today").status_code == 422
    assert viewer.get("/monitoring/nobody").status_code == 422


def test_when_all_is_well_the_page_says_so(viewer: httpx.Client, engine: Engine) -> None:
    open_or_touch(engine, [], ran={("drift", "viral"), ("health", "")}, at=NOW)
    assert "Nothing is wrong, as far as the monitor looked." in text_of(viewer.get("/monitoring"))
    assert "findings of the monitor" not in text_of(viewer.get("/"))
