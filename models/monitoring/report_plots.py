"""Small plots of the monitor's report as inline SVG, each with its figures as a table beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

from models.monitoring.contract import Figure

_WIDTH, _HEIGHT = 220, 54
#: Longer labels are cut: a report is bounded.
LONGEST = 40


def short(text: str) -> str:
    """A text as HTML, cut where it is long."""
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def histogram(reference: Mapping[str, float], current: Mapping[str, float]) -> str:
    """Shares of both over the same bins: the training data behind, now in front."""
    if not reference:
        return ""
    top = max(max(reference.values()), max(current.values(), default=0.0), 1e-9)
    step = _WIDTH / len(reference)
    bars = []
    for at, name in enumerate(reference):
        for kind, share, left, width in (
            ("then", reference[name], 0.06, 0.88),
            ("now", current.get(name, 0.0), 0.28, 0.44),
        ):
            height = share / top * (_HEIGHT - 4)
            bars.append(
                f'<rect class="{kind}" x="{(at + left) * step:.1f}" y="{_HEIGHT - height:.1f}"'
                f' width="{width * step:.1f}" height="{height:.1f}"/>'
            )
    said = "Shares of the rows by bin, training data and now; the table beside has the figures."
    return _svg(_WIDTH, _HEIGHT, said, "".join(bars))


def histogram_table(reference: Mapping[str, float], current: Mapping[str, float]) -> str:
    """The figures of :func:`histogram`, folded up."""
    rows = [[short(name), f"{share:.1%}", f"{current.get(name, 0.0):.1%}"] for name, share in reference.items()]
    return folded("bins", table(("bin", "training", "now"), rows))


def intervals(rows: Sequence[tuple[str, Figure]]) -> str:
    """Figures of one measure under one another, each a point in its interval."""
    ends = [value for _, one in rows for value in (one.value, one.low, one.high) if value is not None]
    low, high = min(ends), max(ends)
    margin = (high - low) * 0.1 or 1.0
    low, high = low - margin, high + margin
    parts, width = [], 460
    left, line = 110, 24

    def place(value: float) -> float:
        return left + (value - low) / (high - low) * (width - left - 70)

    for at, (name, one) in enumerate(rows):
        y = line * at + line / 2
        parts.append(f'<text x="0" y="{y + 4:.0f}">{short(name)}</text>')
        if one.low is not None and one.high is not None:
            parts.append(
                f'<line class="span" x1="{place(one.low):.1f}" x2="{place(one.high):.1f}" y1="{y}" y2="{y}"/>'
            )
        parts.append(f'<circle class="point" cx="{place(one.value):.1f}" cy="{y}" r="4"/>')
        parts.append(f'<text x="{width - 60}" y="{y + 4:.0f}">{one.value:.3f}</text>')
    said = "; ".join(f"{name}: {one.value:.3f}" for name, one in rows)
    return _svg(width, line * len(rows), said, "".join(parts))


def days(counts: Mapping[date, int]) -> str:
    """Rows a day, the last day marked."""
    if not counts:
        return ""
    ordered = sorted(counts.items())[-90:]
    width, height = 680, 120
    top, step = max(max(rows for _, rows in ordered), 1), width / len(ordered)
    bars = [
        f'<rect class="{"now" if at == len(ordered) - 1 else "then"}" x="{at * step + 0.5:.1f}"'
        f' y="{height - rows / top * (height - 14):.1f}" width="{max(step - 1, 0.5):.1f}"'
        f' height="{rows / top * (height - 14):.1f}"/>'
        for at, (_, rows) in enumerate(ordered)
    ]
    said = f"Rows a day from {ordered[0][0]} to {ordered[-1][0]}; at most {top:,}."
    return _svg(width, height, said, "".join(bars) + f'<text x="2" y="11">{top:,}</text>')


def _svg(width: int, height: int, said: str, inside: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(said)}" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}">{inside}</svg>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> str:
    """A table; the cells are HTML already. The first cell of a row names it."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    kind = ' class="numbers"' if numbers else ""
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table{kind}><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def folded(name: str, inside: str) -> str:
    """Something that is shown when it is asked for, without a script."""
    return f"<details><summary>{escape(name)}</summary>{inside}</details>"
