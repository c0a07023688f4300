"""What the pages of experiments work out: shares, shapes, texts, and the form there and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from config.errors import InputError
from models.experiments.definition import VariantTally, parse_definition
from models.experiments.effects import means
from models.experiments.posterior import posteriors
from models.experiments.report import posterior_counts, report
from serving.admin import experiment_charts as charts
from serving.admin import experiment_form as forms
from serving.admin.experiment_view import Scale, leader, live_view, look

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def defined(**more: Any) -> dict[str, Any]:
    return {"id": "x", "title": "X", "variants": [{"name": "a"}, {"name": "b"}], **more}


def points(*counts: tuple[int, int]) -> list[dict[str, Any]]:
    return [
        {"at": AT + timedelta(hours=hour), "variant": name, "decisions": decisions}
        for hour, pair in enumerate(counts)
        for name, decisions in zip("ab", pair, strict=True)
    ]


def test_shares_are_of_all_decisions_until_then() -> None:
    found = charts.shares(points((0, 0), (1, 3), (6, 4)), ("a", "b"))
    assert found.moments == [AT + timedelta(hours=1), AT + timedelta(hours=2)], "before the first there is none"
    assert found.shares.tolist() == [[0.25, 0.75], [0.6, 0.4]]
    assert found.table() == [(found.moments[0], [0.25, 0.75]), (found.moments[1], [0.6, 0.4])]


def test_a_line_rises_with_its_share() -> None:
    found = charts.shares(points((1, 3), (6, 4)), ("a", "b"))
    assert found.paths() == ["M0.0 210.0 L1000.0 112.0", "M0.0 70.0 L1000.0 168.0"]


def test_where_all_shares_are_small_the_chart_is_stretched() -> None:
    names = [f"v{number}" for number in range(20)]
    rows = [{"at": AT, "variant": name, "decisions": 5} for name in names]
    found = charts.shares(rows, names)
    assert found.top == 0.1
    assert found.paths()[0].startswith("M0.0 140.0")


def test_without_decisions_there_is_nothing_to_draw() -> None:
    found = charts.shares([], ("a", "b"))
    assert (found.paths(), found.table(), found.top) == (["", ""], [], 1.0)


def test_an_axis_shows_all_that_is_given_and_nothing_out_of_bounds() -> None:
    along = charts.axis([0.1, None, float("nan")], [0.2], 0.15, bounds=(0.0, 0.202))
    assert along.low == pytest.approx(0.096)
    assert along.high == 0.202
    assert charts.axis([], []).low < charts.axis([], []).high


def test_an_interval_lies_where_its_ends_are() -> None:
    along = charts.Axis(0.0, 10.0)
    assert charts.interval_shape(along, 2.0, 20.0, 5.0) == {
        "whole": "M200.0 50 H1000.0",
        "mark": "M500.0 20 V80",
    }
    assert charts.interval_shape(along, None, None, None) == {"whole": "", "mark": ""}


@given(st.lists(st.floats(0, 1e300), min_size=2, max_size=40))
def test_a_density_is_a_closed_outline_inside_its_row(values: list[float]) -> None:
    path = charts.density_path(np.array(values))
    assert path.endswith("Z")
    numbers = [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", path)]
    assert all(0 <= one <= 1000 for one in numbers[::2])
    assert all(0 <= one <= 100 for one in numbers[1::2])


def test_the_page_tells_the_time_to_come_in_the_words_of_its_sentence() -> None:
    definition = parse_definition(defined(minimum_effect=0.025))
    found = stats(definition, [tally("a", 3000, 300), tally("b", 3000, 304)])
    assert 0 < found["days_needed"] < 1
    text = live_view(definition, found, []).text
    assert text["days"] == "less than a day"
    assert "in less than a day at the traffic so far" in text["recommendation"]


def test_the_ends_of_the_chart_are_told_apart() -> None:
    definition = parse_definition(defined())
    found = stats(definition, [tally("a", 3000, 300), tally("b", 3000, 304)])

    def ends(*moments: timedelta) -> tuple[str, str]:
        rows = [{"at": AT + at, "variant": name, "decisions": 5} for at in moments for name in ("a", "b")]
        text = live_view(definition, found, rows).text
        return text["first"], text["last"]

    first, last = ends(timedelta(0), timedelta(seconds=20))
    assert (len(first), len(last)) == (len("2026-11-20 21:30:05"), len("2026-11-20 21:30:05"))
    assert first != last
    assert len(ends(timedelta(0), timedelta(hours=1))[0]) == len("2026-11-20 21:30")
    assert ends(timedelta(0))[1] == "", "one moment is told once"


def test_no_two_variants_look_alike() -> None:
    assert len({look(place) for place in range(20)}) == 20


def test_rates_are_written_in_percent_and_their_differences_in_points() -> None:
    rate = Scale(parse_definition(defined()))
    assert (rate.value(0.0512), rate.difference(-0.004), rate.loss(0.001)) == ("5.12 %", "−0.40 pp", "0.10 pp")
    plain = Scale(parse_definition(defined(reward={"kind": "number", "low": 0, "high": 100})))
    assert (plain.value(42.5), plain.difference(2.5), plain.value(None)) == ("42.5", "+2.5", "–")


def stats(definition: Any, tallies: list[VariantTally]) -> dict[str, Any]:
    """As ExperimentDesk.stats() puts them together."""
    found, _ = means(definition, tallies)
    believed = posteriors(definition, posterior_counts(definition, tallies, found))
    return {
        **report(definition, tallies, started_at=AT - timedelta(days=1), now=AT), "at": AT, "metrics": [],
        "believed": {"kind": believed.kind, "params": believed.params.tolist()},
    }  # fmt: skip


def tally(name: str, decisions: int, clicks: int) -> VariantTally:
    return VariantTally(
        name, decisions, clicks, decisions, 0, clicks, clicks, 2 * decisions, 4 * decisions, 2 * clicks,
        4 * clicks, 4 * clicks,
    )  # fmt: skip


def test_the_view_has_a_text_and_a_shape_for_everything_that_the_page_shows() -> None:
    definition = parse_definition(defined())
    found = live_view(
        definition,
        stats(definition, [tally("a", 2000, 100), tally("b", 2000, 300)]),
        points((10, 10), (2000, 2000)),
    )
    assert (found.text["decisions"], found.text["leader"]) == ("4,000", "b")
    assert (found.text["mean0"], found.text["mean1"]) == ("5.00 %", "15.00 %")
    assert found.text["effect0"] == "+10.00 pp"
    assert found.text["effect-said0"] == "better"
    assert found.text["effect-p0"] == "< 0.001"
    assert found.text["sample-ratio"] == ""
    hills = [found.shapes[f"density{place}"] for place in (0, 1)]
    assert hills[0] != hills[1]
    assert found.tables["shares"][0][1:] == ["50.0 %", "50.0 %"]


def test_a_sample_ratio_that_cannot_be_is_said_to_be_alarming() -> None:
    definition = parse_definition(defined())
    found = live_view(
        definition, stats(definition, [tally("a", 1500, 50), tally("b", 500, 15)]), points((3, 1))
    )
    assert "not split as defined" in found.text["sample-ratio"]


def test_before_the_first_decision_nothing_is_claimed() -> None:
    definition = parse_definition(defined(guardrails=[]))
    found = live_view(definition, stats(definition, [VariantTally("a"), VariantTally("b")]), [])
    assert (found.text["leader"], found.text["mean0"], found.text["effect0"]) == ("–", "–", "–")
    assert found.text["nobody"]
    assert found.shapes["share0"] == ""


def test_the_leader_is_who_is_most_likely_the_best() -> None:
    definition = parse_definition(defined())
    rows = [
        {"variant": name, "decisions": 100, "rewarded": clicks, "reward_sum": clicks, "reward_squares": clicks}
        for name, clicks in (("a", 5), ("b", 25))
    ]
    found = leader(definition, rows)
    assert found is not None
    assert found[0] == "b"
    assert found[1] > 0.99
    assert leader(definition, [{**row, "rewarded": 0} for row in rows]) is None


def test_the_leader_is_found_where_zero_is_not_the_bottom_of_the_scale() -> None:
    reward = {"kind": "number", "low": -10, "high": 10, "missing": "zero"}
    definition = parse_definition(defined(reward=reward))
    # a: all 1,000 silent, a mean of 0; b: all 1,000 answered, a mean of -4
    rows = [
        {"variant": "a", "decisions": 1000, "rewarded": 0, "reward_sum": 0.0, "reward_squares": 0.0},
        {"variant": "b", "decisions": 1000, "rewarded": 1000, "reward_sum": 300.0, "reward_squares": 90.0},
    ]
    assert (leader(definition, rows) or ("", 0))[0] == "a"


FULL = defined(
    control="b", traffic=0.25, sticky=False, minimum_effect=0.01, planned_decisions=900, salt="s",
    variants=[
        {"name": "a", "share": 2, "attributes": {"colour": "red", "size": 3, "bold": True}}, {"name": "b"},
    ],
    reward={"name": "watched", "kind": "number", "low": -1, "high": 60, "missing": "ignore", "window_hours": 2},
    policy={"kind": "contextual", "exploration": 0.05, "explorer": "epsilon", "learning_rate": 0.1},
    context=[{"name": "country", "required": True}, {"name": "age", "kind": "number"}],
    guardrails=[
        {"metric": "errors", "limit": 0.01},
        {"metric": "sales", "worse": "lower", "limit": 5, "high": 90, "action": "alarm"},
    ],
)  # fmt: skip


def sent(values: dict[str, Any]) -> FormData:
    """The form as a browser sends it: unticked boxes are left out."""
    fields: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, str):
            fields.append((name, value))
        elif isinstance(value, dict):
            fields += [(f"{name}.{key}", one) for key, one in value.items()]
        else:
            fields += [
                (f"{name}.{place}.{key}", one) for place, row in enumerate(value) for key, one in row.items()
            ]
    boxes = ("sticky", ".required")
    return FormData([(name, value) for name, value in fields if value or not name.endswith(boxes)])


@pytest.mark.parametrize("value", [FULL, defined(), defined(policy={"kind": "thompson"})])
def test_a_definition_survives_the_form(value: dict[str, Any]) -> None:
    definition = parse_definition(value)
    values = forms.values_of(definition.as_dict())
    again = parse_definition(forms.definition_of(forms.sent(sent(values))))
    assert again == definition


def test_a_new_form_needs_only_names() -> None:
    values = forms.blank() | {"id": "x", "title": "X"}
    values["variants"] = [{"name": name, "share": "1", "attributes": ""} for name in ("a", "b", "")]
    made = parse_definition(forms.definition_of(values))
    assert (made.names, made.policy.kind, made.guardrails, made.traffic) == (("a", "b"), "fixed", (), 1.0)


def test_thompson_sampling_of_a_number_is_on_normal_posteriors() -> None:
    values = forms.blank() | {"id": "x", "title": "X"}
    values["variants"] = [{"name": name, "share": "1", "attributes": ""} for name in ("a", "b")]
    values["reward"] = {**values["reward"], "kind": "number", "high": "9"}
    values["policy"] = {**values["policy"], "kind": "thompson"}
    assert parse_definition(forms.definition_of(values)).policy.posterior == "normal"


def test_another_row_is_asked_for_without_losing_what_was_typed() -> None:
    values = forms.blank() | {"id": "x"}
    data = FormData([*sent(values).multi_items(), ("more", "variants")])
    shown = forms.sent(data)
    assert shown["id"] == "x"
    assert len(shown["variants"]) == 3
    full = values | {"variants": [values["variants"][0]] * 20}
    assert len(forms.sent(FormData([*sent(full).multi_items(), ("more", "variants")]))["variants"]) == 20


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"traffic": "half"}, "'half' is not a number of percent"),
        (
            {"variants": [{"name": "a", "share": "1", "attributes": "red"}] * 2},
            "'red' is not of the form name=value",
        ),
        ({"variants": [{"name": "a", "share": "x", "attributes": ""}] * 2}, "variant 1, share: "),
        ({"planned_decisions": "many"}, "planned_decisions: "),
        ({"id": "no spaces"}, "id: "),
        ({"traffic": "250"}, "Share of the subjects must be more than 0 and at most 100 percent"),
        ({"traffic": "nan"}, "Share of the subjects must be more than 0 and at most 100 percent"),
    ],
)
def test_what_is_wrong_is_named_as_the_form_names_it(change: dict[str, Any], wrong: str) -> None:
    values = forms.blank() | {"id": "x", "title": "X"}
    values["variants"] = [{"name": name, "share": "1", "attributes": ""} for name in ("a", "b")]
    with pytest.raises(InputError) as raised:
        parse_definition(forms.definition_of(values | change))
    assert wrong in forms.readable(raised.value).message
