"""The report of a day: complete, self-contained, bounded, and safe with whatever stands in the data."""

from __future__ import annotations

from datetime import date, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from models.monitoring.contract import Compared, FamilyDay, Figure, Finding, Live, Slice
from models.monitoring.report import report_html

DAY = date(2026, 6, 17)


def compared(name, psi=0.1, drifted=False, bins=None):
    shares = bins or {"below 1": 0.4, "from 1": 0.6, "(missing)": 0.0}
    return Compared(
        name, "number", psi, 0.2, "Kolmogorov-Smirnov", 0.01, 0.1, None, (0.0, 0.1), drifted, shares, shares
    )


def full(**more):
    loss = Figure("loss", 0.5, 0.4, 0.6, 300)
    values = {
        "family": "viral", "version": "3", "reference": "full/2026-05",
        "compared": (compared("views"), compared("followers", 0.9, True)),
        "live": Live("3", 300, Figure("macro_f1", 0.8, 0.7, 0.9), loss, Figure("macro_f1", 0.85), None, True),
        "slices": (Slice("country", "US", 90, loss, loss, 0.001, True),),
        "findings": (Finding("drift", "viral", "feature followers", "critical", "followers has shifted."),),
        "skipped": ("Drift of the texts: too few.",),
        "counts": {DAY - timedelta(days=back): 100 + back for back in range(30)},
    }  # fmt: skip
    return FamilyDay(**{**values, **more})


class Read(HTMLParser):
    """What a page is made of; fails where a tag is not closed in its place."""

    VOID = frozenset({"meta", "br", "rect", "line", "circle"})

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text, self.attributes = [], [], [], []
        self.feed(page.decode())
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_a_report_says_all_that_was_found_findings_first():
    page = Read(report_html(DAY, "Viral prediction", full(), {"Monitoring": "/monitoring/viral"}))
    text = " ".join(page.text)
    for said in ("Viral prediction, 17 June 2026", "followers has shifted.", "full/2026-05", "Worse beyond",
                 "country = US", "too few", "2026-06-17"):  # fmt: skip
        assert said in text
    assert text.index("followers has shifted") < text.index("Live accuracy") < text.index("Drift")
    # what shifted most stands first
    assert text.index("followers") < text.rindex("views")
    assert ("href", "/monitoring/viral") in page.attributes


def test_a_report_takes_nothing_from_elsewhere_and_runs_nothing():
    page = Read(report_html(DAY, "Viral prediction", full()))
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "srcset") or name.startswith("on")]
    assert b"url(" not in report_html(DAY, "Viral prediction", full())


def test_every_plot_has_words_and_a_table():
    page = Read(report_html(DAY, "Viral prediction", full()))
    assert page.tags.count("svg") == len(
        [value for name, value in page.attributes if name == "aria-label" and value]
    )
    assert page.tags.count("table") >= page.tags.count("svg")


def test_what_stands_in_the_data_is_text_and_no_markup():
    evil = '<script>alert("x")</script>'
    page = report_html(
        DAY,
        evil,
        full(
            compared=(compared(evil, bins={evil: 1.0}),),
            findings=(Finding("drift", "viral", evil, "warning", evil),),
            skipped=(evil,),
            slices=(Slice(evil, evil, 60, Figure("loss", 1.0), Figure("loss", 1.0), 1.0, False),),
        ),
        {evil: 'javascript:"x'},
    )
    assert b"<script" not in page
    Read(page)


def test_a_day_of_nothing_is_a_page_too():
    text = " ".join(Read(report_html(DAY, "Topics", FamilyDay("topics", None, None))).text)
    assert "Nothing is wrong" in text
    assert "No version in production" in text


def test_a_day_of_everything_is_bounded():
    rng = np.random.default_rng(1)
    bins = {"x" * 500 + str(at): float(share) for at, share in enumerate(rng.dirichlet(np.ones(22)))}
    loss = Figure("loss", 0.5, 0.4, 0.6, 300)
    page = report_html(
        DAY,
        "Viral prediction",
        full(
            compared=tuple(compared(f"feature {at}", at / 100, bins=bins) for at in range(500)),
            slices=tuple(Slice("country", f"{at}", 90, loss, loss, 0.5, False) for at in range(500)),
            counts={DAY - timedelta(days=back): back for back in range(2000)},
        ),
    )
    assert len(page) < 1_000_000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_breaks_no_page(value):
    figure = Figure("loss", value, value, value)
    Read(report_html(DAY, "Viral", full(live=Live("3", 1, figure, figure, None, None, False))))
