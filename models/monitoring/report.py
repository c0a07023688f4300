"""A family's day as one HTML page: no script, nothing from elsewhere, for screen, paper and screen readers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape

from models.monitoring.contract import Compared, FamilyDay, Figure, Finding, Live
from models.monitoring.report_plots import (
    days,
    folded,
    histogram,
    histogram_table,
    intervals,
    short,
    table,
)

#: Most rows of a table: a report is bounded, whatever a family measures.
MOST_ROWS = 60
_SEVERITIES = {"critical": "Critical", "warning": "Warning", "info": "Note"}


def report_html(
    day: date, family_title: str, result: FamilyDay, links: Mapping[str, str] | None = None
) -> bytes:
    """The report of a family's day.

    Args:
        day: which.
        family_title: for people.
        result: what was measured.
        links: what they lead to -> address; shown at the top.
    """
    title = f"{family_title}, {day:%d %B %Y}"
    shown = "".join(f'<a href="{escape(to)}">{escape(name)}</a> ' for name, to in (links or {}).items())
    inside = [
        f"<header><h1>{escape(title)}</h1><p>{_about(result)}</p>",
        f"<nav>{shown}</nav></header>" if shown else "</header>",
        _section("Findings", _findings(result)),
        _section("Live accuracy", _live(result.live)),
        _section("Drift", _drift(result)),
        _section("Parts", _parts(result)),
        _section("Rows a day", _volume(result)),
        _section("Not judged", _skipped(result)),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><style>{_STYLE}</style></head>'
        f"<body><main>{''.join(inside)}</main></body></html>"
    ).encode()


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def _about(result: FamilyDay) -> str:
    version = f"Version {escape(result.version)}" if result.version else "No version in production"
    trained = f", trained on {escape(result.reference)}" if result.reference else ""
    return f"{version}{trained}."


def _findings(result: FamilyDay) -> str:
    if not result.findings:
        judged = f"{len(result.compared)} comparisons" + (", live accuracy" if result.live else "")
        return f'<p class="quiet">Nothing is wrong ({judged}).</p>'
    return f"<ul class='findings'>{''.join(map(_finding, result.findings[:MOST_ROWS]))}</ul>"


def _finding(one: Finding) -> str:
    name = _SEVERITIES[one.severity]
    head = f"<strong>{name}: {escape(one.subject)}</strong>"
    return f'<li class="{one.severity}">{head}<br>{escape(one.sentence)}</li>'


def _live(live: Live | None) -> str:
    if live is None:
        return "<p>Not judged; see below.</p>"
    blocks = []
    for name, then, now in (
        (live.metric.name.replace("_", " "), live.metric_at_promotion, live.metric),
        ("loss a row (lower is better)", live.loss_at_promotion, live.loss),
    ):
        rows = [("at promotion", then)] if then else []
        rows.append(("live", now))
        cells = [[label, f"{one.value:.4f}", _ends(one), _count(one)] for label, one in rows]
        figures = table((name, "value", "95 % interval", "rows"), cells)
        blocks.append(f"<figure><figcaption>{escape(name)}</figcaption>{intervals(rows)}{figures}</figure>")
    verdict = (
        "Worse beyond chance."
        if live.worse
        else "Not worse than at promotion beyond chance and beyond what matters."
    )
    return f"<p>Version {escape(live.version)}, {live.rows:,} rows. {verdict}</p>{''.join(blocks)}"


def _ends(one: Figure) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:.4f} to {one.high:.4f}"


def _count(one: Figure) -> str:
    return "" if one.rows is None else f"{one.rows:,}"


def _drift(result: FamilyDay) -> str:
    if not result.compared:
        return "<p>Not judged; see below.</p>"
    ordered = sorted(result.compared, key=lambda one: (-one.drifted, -one.psi))
    rows = [_compared(one) for one in ordered[:MOST_ROWS]]
    more = len(ordered) - len(rows)
    head = ("what", "index", "usual", "test", "p, corrected", "missing", "training (grey), now")
    note = (
        "<p>Index: population stability index of the last days against the training data; usual: the most"
        " that the"
        " training data's own weeks show. Drift is significant, large enough, and more than usual.</p>"
    )
    left = f"<p>{more} more with smaller shifts are left out.</p>" if more > 0 else ""
    return note + table(head, rows) + left


def _compared(one: Compared) -> list[str]:
    name = f"{short(one.name)}<br><small>{one.kind}{', drifted' if one.drifted else ''}</small>"
    plot = histogram(one.reference, one.current) + histogram_table(one.reference, one.current)
    return [
        f"<b>{name}</b>" if one.drifted else name,
        f"{one.psi:.3f}",
        "–" if one.usual is None else f"{one.usual:.3f}",
        f"{one.test}<br>{one.statistic:.3g}",
        f"{one.adjusted_p:.2g}",
        f"{one.nulls[0]:.1%} → {one.nulls[1]:.1%}",
        plot,
    ]


def _parts(result: FamilyDay) -> str:
    if not result.slices:
        return "<p>No part has rows enough, or none is looked at.</p>"
    ordered = sorted(result.slices, key=lambda part: (-part.worse, part.adjusted_p, part.column, part.value))
    rows = [
        [
            f"{short(part.column)} = {short(part.value)}" + (" <b>(worse)</b>" if part.worse else ""),
            f"{part.rows:,}",
            f"{part.reference_loss.value:.3f}",
            f"{part.loss.value:.3f}",
            _ends(part.loss),
            f"{part.adjusted_p:.2g}",
        ]
        for part in ordered[:MOST_ROWS]
    ]
    return table(("part", "rows", "loss on test rows", "live loss", "95 % interval", "p, corrected"), rows)


def _volume(result: FamilyDay) -> str:
    if not result.counts:
        return "<p>Not known.</p>"
    ordered = sorted(result.counts.items())[-90:]
    figures = table(("day", "rows"), [[f"{day:%Y-%m-%d}", f"{rows:,}"] for day, rows in reversed(ordered)])
    return days(result.counts) + folded("figures", figures)


def _skipped(result: FamilyDay) -> str:
    if not result.skipped:
        return "<p>Everything was judged.</p>"
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in result.skipped[:MOST_ROWS])}</ul>"


_STYLE = """
:root{--ink:#1b1f24;--paper:#fff;--faint:#5a6470;--line:#d4d9df;--then:#b4bcc6;--now:#0b62c4;--bad:#a61b1b;
--warn:#8a5300;--soft:#f4f6f8}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--paper:#14171b;--faint:#a3adb8;--line:#333b44;
--then:#5b6672;--now:#6db3ff;--bad:#ff9a92;--warn:#ffc266;--soft:#1d2228}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1040px;margin:0 auto;padding:24px 16px}
h1{font-size:24px;margin:0}h2{font-size:18px;margin:32px 0 8px;border-bottom:1px solid var(--line)}
header p,small,figcaption{color:var(--faint)}a{color:var(--now)}
section{overflow-x:auto}
.findings{list-style:none;padding:0}
.findings li{border-left:4px solid var(--faint);background:var(--soft);padding:8px 12px;margin:8px 0}
.findings .critical{border-color:var(--bad)}.findings .critical strong{color:var(--bad)}
.findings .warning{border-color:var(--warn)}.findings .warning strong{color:var(--warn)}
figure{margin:12px 0}
table{border-collapse:collapse;width:100%;margin:8px 0}
th,td{padding:4px 8px;border-bottom:1px solid var(--line);vertical-align:top;text-align:left;font-weight:normal}
thead th{color:var(--faint);font-size:13px}
.numbers td{font-variant-numeric:tabular-nums}
summary{cursor:pointer;color:var(--faint);font-size:13px}
svg{display:block;max-width:100%}svg text{fill:var(--ink);font-size:12px}
.then{fill:var(--then)}.now{fill:var(--now)}.span{stroke:var(--then);stroke-width:6}.point{fill:var(--now)}
@media print{body{background:#fff;color:#000}section{break-inside:auto}tr,li,figure{break-inside:avoid}}
"""
