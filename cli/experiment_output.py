"""How experiments are shown on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli.output import print_fields, print_table, say

if TYPE_CHECKING:
    from storage.experiments import ExperimentRecord


def print_experiment(one: ExperimentRecord) -> None:
    """The definition, part by part, and the state."""
    given = one.definition
    print_fields(
        {
            "id": one.id, "title": one.title, "state": one.state, "winner": one.winner,
            "reward": given["reward"], "policy": given["policy"], "traffic": given["traffic"],
            "sticky": given["sticky"], "context": [field["name"] for field in given["context"]],
            "guard-rails": [_rail(rail) for rail in given["guardrails"]],
            "minimum effect": given["minimum_effect"], "planned decisions": given["planned_decisions"],
            "created": one.created_at, "by": one.created_by, "started": one.started_at,
            "concluded": one.concluded_at,
        }
    )  # fmt: skip
    control = given["control"] or given["variants"][0]["name"]
    rows = [
        {**each, "variant": each["name"], "control": each["name"] == control, "attributes": each["attributes"]}
        for each in given["variants"]
    ]
    print_table(rows, ["variant", "control", "share", "attributes"])


def _rail(rail: Mapping[str, Any]) -> str:
    """``load_seconds at most 0.2 higher, from 0 to 5 (pause)``."""
    bounds = f"from {rail['low']:g} to {rail['high']:g}"
    return f"{rail['metric']} at most {rail['limit']:g} {rail['worse']}, {bounds} ({rail['action']})"


def print_stats(found: Mapping[str, Any]) -> None:
    """The report: variants, effects, guard-rails, and what to make of it."""
    print_table(
        [_variant(one) for one in found["variants"]],
        ["variant", "decisions", "share", "mean", "low", "high", "best", "expected loss"],
        title=_headline(found), drop_when_narrow=("expected loss", "share"),
    )  # fmt: skip
    if found["effects"]:
        print_table(
            [_effect(one) for one in found["effects"]],
            ["against the control", "difference", "low", "high", "p", "significant"],
            title="Effects; intervals and p hold however often one looks.",
        )
    _print_rails(found["guardrails"])
    ratio = found["sample_ratio"]
    if ratio["checked"] and ratio["alarm"]:
        p = f"{ratio['sequential_p_value']:.2g}"
        say(f"ALARM: the traffic is not split as defined (p = {p}); do not trust this.")
    for warning in found["warnings"]:
        say(f"Mind: {warning}")
    say(found["recommendation"])


def print_off_policy(found: Mapping[str, Any]) -> None:
    """One row a policy, with its three estimates."""
    names = {"ips": "IPS", "snips": "SNIPS", "doubly_robust": "doubly robust"}
    rows = [
        {
            "policy": policy_name(one), "effective": round(one["effective_sample_size"]),
            **{title: _estimate(one[kind]) for kind, title in names.items()},
        }
        for one in found["policies"]
    ]  # fmt: skip
    print_table(
        [{"policy": "as it was", "SNIPS": _estimate(found["logged"])}, *rows],
        ["policy", "IPS", "SNIPS", "doubly robust", "effective"],
        title=f"Mean reward that each policy would have earned, from {found['rows']:,} logged decisions.",
        drop_when_narrow=("IPS",),
    )
    for one in found["policies"]:
        if one["warning"]:
            say(f"Mind, {policy_name(one)}: {one['warning']}")


def policy_name(one: Mapping[str, Any]) -> str:
    """A policy of the off-policy report in words."""
    return "uniform split" if one["variant"] is None else f"always {one['variant']}"


def _headline(found: Mapping[str, Any]) -> str:
    said = (
        f"{found['id']} is {found['state']}: {found['decisions']:,} decisions, {found['rewarded']:,} rewarded"
    )
    days = found["days_needed"]
    if days is None or found["state"] == "concluded":
        return f"{said}."
    from models.experiments.advice import days_in_words

    return f"{said}, {days_in_words(days)} more needed."


def _variant(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "variant": f"{one['variant']} (control)" if one["control"] else one["variant"],
        "share": _percent(one["share"]), "best": _percent(one["probability_best"]),
        "expected loss": one["expected_loss"],
    }  # fmt: skip


def _effect(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one, "against the control": one["variant"], "p": one["p_value"],
    }  # fmt: skip


def _print_rails(rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [
        {
            **one, "guard-rail": one["metric"], "worse by": one["difference"], "harm": one["breached"],
        }
        for one in rows
    ]  # fmt: skip
    if shown:
        print_table(shown, ["guard-rail", "variant", "worse by", "low", "high", "limit", "harm"])


def _estimate(one: Mapping[str, Any] | None) -> str:
    if one is None or one["value"] is None:
        return ""
    if one["low"] is None:
        return f"{one['value']:.4g}"
    return f"{one['value']:.4g} [{one['low']:.4g}, {one['high']:.4g}]"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
