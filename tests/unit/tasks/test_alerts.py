"""What is sent of findings."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from storage.monitor import StoredFinding
from tasks.alerts import MOST_SINGLE, event, messages

AT = dt.datetime(2026, 11, 3, 5, 30, tzinfo=dt.UTC)
PAGES = "https://assay.example.org"


def stored(number: int = 7, severity: str = "warning", link: str | None = "/monitoring/viral") -> StoredFinding:
    return StoredFinding(
        number, "drift/viral/feature views", "drift", "viral", "feature views", severity, "Views have shifted.",
        link, {"psi": 0.4}, AT, AT, None, None, None,
    )  # fmt: skip


def test_a_few_findings_are_a_message_each_with_a_link_that_can_be_opened() -> None:
    [(group, message)] = messages([stored()], PAGES)
    assert [one.id for one in group] == [7]
    assert message.subject == "Assay, warning: viral, feature views"
    assert message.body == "Views have shifted.\nhttps://assay.example.org/monitoring/viral"
    assert messages([stored(link="http://prefect/x")], PAGES)[0][1].body.endswith("\nhttp://prefect/x")
    assert messages([stored(link=None)], PAGES)[0][1].body == "Views have shifted."


def test_many_come_as_one_message() -> None:
    many = [stored(number, "critical" if number == 1 else "warning") for number in range(MOST_SINGLE + 1)]
    [(group, message)] = messages(many, PAGES)
    assert list(group) == many
    assert message.subject == "Assay: 6 findings, 1 of them critical"
    assert message.body.count("Views have shifted.") == 6


def test_an_event_is_the_same_for_the_same_finding_and_another_when_it_gets_worse() -> None:
    first, again, worse = (
        event(stored(), PAGES, AT),
        event(stored(), PAGES, AT),
        event(stored(severity="critical"), PAGES, AT),
    )
    assert first["id"] == again["id"] != worse["id"]
    back = replace(stored(), first_seen_at=AT + dt.timedelta(days=1))
    assert event(back, PAGES, AT)["id"] != first["id"], "its number alone may be another finding's by now"
    assert first["resource"]["prefect.resource.id"] == "assay.finding.drift/viral/feature views"
    assert first["payload"]["link"] == f"{PAGES}/monitoring/viral"
